"""``vaurien explore``: try the faults that matter on a command, and show which of them it does not survive.

flags     the command line
run       tries, and shows what came of it
progress  how far it has come, while it runs
"""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.cli.explore.flags import NAME, make_parser, parse
from vaurien.console.command import STATUSES, run_command
from vaurien.console.drawing import check_drawing
from vaurien.console.interrupting import ending_at_once
from vaurien.errors import StartError

__all__ = ['main', 'make_parser']


def main(argv: Sequence[str]) -> int:
    """Run the command with *argv*, behind its name, and return its exit status."""
    # What cannot be started is a mistake in the command line.
    return run_command(NAME, lambda: _run(argv), {**STATUSES, StartError: 2})


def _run(argv: Sequence[str]) -> int:
    arguments = parse(argv)
    check_drawing()
    with ending_at_once():
        from vaurien.cli.explore.run import run  # late: the engine takes twice as long as the flags

    return run(arguments)
