"""The command ``vaurien``: its sub-commands, or patch the standard library and serve."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vaurien.console.command import run_command
from vaurien.console.patching import patch_standard_library


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status.

    The name of a sub-command can be nothing else: no flag of `vaurien` is without dashes.
    """
    words = sys.argv[1:] if argv is None else argv
    match words[:1]:
        case ['explore']:
            from vaurien.cli import explore  # late, as below: it wants the standard library as it is

            return explore.main(words[1:])
        case ['report']:
            from vaurien.cli import report

            return report.main(words[1:])
    return run_command('vaurien', lambda: _patch_and_run(words))


def _patch_and_run(argv: Sequence[str]) -> int:
    """Patch before anything else is imported, so that ``time.sleep`` in a behavior of a user holds up no other link."""
    patch_standard_library()
    sys.path.append('')  # for a `callable` in the current directory; last, so that it shadows nothing
    from vaurien.cli.run import run

    return run(argv)
