"""``python -m vaurien.tcpgoon`` runs the command ``tcpgoon``."""

import sys

from vaurien.cli.entries import tcpgoon

if __name__ == '__main__':
    sys.exit(tcpgoon())
