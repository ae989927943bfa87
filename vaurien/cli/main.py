"""The command ``vaurien``: patch the standard library, then run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vaurien.console.command import run_command
from vaurien.console.patching import patch_standard_library


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status."""
    return run_command('vaurien', lambda: _patch_and_run(sys.argv[1:] if argv is None else argv))


def _patch_and_run(argv: Sequence[str]) -> int:
    """Patch before anything else is imported, so that ``time.sleep`` in a behavior of a user holds up no other link."""
    patch_standard_library()
    sys.path.append('')  # for a `callable` in the current directory; last, so that it shadows nothing
    from vaurien.cli.run import run

    return run(argv)
