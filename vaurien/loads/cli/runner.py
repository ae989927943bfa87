"""The command ``loads-runner``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vaurien.console.command import run_command
from vaurien.console.interrupting import ending_at_once
from vaurien.console.output import make_lines_printable, print_line
from vaurien.errors import SetupError
from vaurien.loads.cli.flags import parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status, which its help explains.

    Locust patches the standard library. It is imported once the flags are read, which keeps ``--help`` quick, and
    before anything that opens connections.
    """
    return run_command('loads-runner', lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(argv: Sequence[str]) -> int:
    from vaurien.loads.users.patching import prepare

    settings = parse(argv)
    with ending_at_once():
        prepare(no_patching=settings.no_patching)
        del sys.argv[1:]  # Locust's web page would read it
        from vaurien.loads.cli.drive import drive

    try:
        return drive(settings)
    except SetupError as error:
        if error.details:
            print_line(make_lines_printable(error.details.rstrip('\n')), sys.stderr)
        raise


if __name__ == '__main__':
    sys.exit(main())
