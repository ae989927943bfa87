"""Run the command ``vaurien`` as ``python -m vaurien``."""

import sys

from vaurien.cli.entries import vaurien

if __name__ == '__main__':
    sys.exit(vaurien())
