"""The command ``vaurien`` as Vaurien 1 had it: ``python -m vaurien.run``, and ``main`` for a script."""

import sys

from vaurien.cli.main import main

__all__ = ['main']

if __name__ == '__main__':
    sys.exit(main())
