"""Run the command ``vaurien`` as ``python -m vaurien``."""

import sys

from vaurien.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
