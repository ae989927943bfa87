"""The command ``vaurien``: patch the standard library, then run."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status.

    Patches first of all, so that ``time.sleep`` in somebody's behavior stops that exchange and no other.
    """
    try:
        from vaurien.console.patching import patch_standard_library

        patch_standard_library()
        sys.path.append('')  # what `callable` names may be here; last, so that it shadows nothing
        from vaurien.cli.run import run

        return run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # before there is anything to end in order
        return 130
    finally:
        from vaurien.console.output import flush

        flush()
