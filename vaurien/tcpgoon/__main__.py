"""``python -m vaurien.tcpgoon`` runs the command ``tcpgoon``."""

import sys

from vaurien.tcpgoon.main import main

if __name__ == '__main__':
    sys.exit(main())
