"""``loads-runner`` several times in one process: to start one takes longer than most of what the tests try."""

from __future__ import annotations

import sys

#: What follows the output of each, on both streams; before it, on standard output, stands the exit status.
END = '\n--- end ---\n'


def main(lines: list[list[str]]) -> None:
    """Run each command line."""
    from vaurien.loads.cli.runner import main as run

    for line in lines:
        status = run(line)
        print(f'\n{status}{END}', end='', flush=True)
        print(END, end='', file=sys.stderr, flush=True)
