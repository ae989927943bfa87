"""``python -m vaurien.conntest`` runs the command ``conntest``."""

import sys

from vaurien.conntest.main import main

if __name__ == '__main__':
    sys.exit(main())
