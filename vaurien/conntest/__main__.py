"""``python -m vaurien.conntest`` runs the command ``conntest``."""

import sys

from vaurien.cli.entries import conntest

if __name__ == '__main__':
    sys.exit(conntest())
