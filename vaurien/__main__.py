"""``python -m vaurien`` is the command ``vaurien``."""

import sys

from vaurien.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
