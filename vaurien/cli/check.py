"""``vaurien check``: whether configuration files are right, and in plain words what each of them has Vaurien do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from vaurien.console.command import run_command
from vaurien.console.interrupting import ending_at_once
from vaurien.console.output import fail, make_printable, print_line
from vaurien.console.parser import Parser
from vaurien.console.statuses import describe_statuses
from vaurien.errors import ConfigError

NAME = 'vaurien check'

USAGE = f'{NAME} [flags] FILE ...'

DESCRIPTION = """\
Checks configuration files, and the files of schedules, without starting anything: everything that
`vaurien --config FILE` would refuse is one line, with the line of the file. Of a file that is right
it says in plain words what Vaurien will do. It imports the plug-ins that the files name."""

EPILOG = f"""\
examples:
  vaurien check vaurien.toml
      is it right, and what will it do?
  vaurien check --quiet examples/*.ini failover.toml
      only say what is wrong, as before a commit

{describe_statuses(NAME)}"""


def main(argv: Sequence[str]) -> int:
    """Run the command with *argv*, behind its name, and return its exit status."""
    return run_command(NAME, lambda: run(argv))


def run(argv: Sequence[str]) -> int:
    """Check the files, and return the exit status; raise `ConfigError` for a mistake in the flags."""
    given = make_parser().parse(argv, intermixed=True)
    if not given.files:
        raise ConfigError(f'there is nothing to check: {USAGE}')
    sys.path.append('')  # for a `callable` in the current directory, as `vaurien` has it
    with ending_at_once():
        from vaurien.cli.explaining import explain  # late: the engine takes long, and help does without

    status = 0
    for number, path in enumerate(given.files):
        try:
            lines = list(explain(path))
        except ConfigError as error:
            status = fail(NAME, error, 2)
            continue
        if not given.quiet:
            print_line('\n'.join(_set_in(path, lines, is_first=number == 0)))
    return status


def make_parser() -> Parser:
    """Return the parser of the flags."""
    parser = Parser(prog=NAME, usage=USAGE, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument('files', metavar='FILE', nargs='*', help='a file in .ini, .toml or .yaml')
    parser.add_argument('-q', '--quiet', action='store_true', help='say nothing of files that are right')
    return parser


def _set_in(path: str, lines: Sequence[str], *, is_first: bool) -> Iterator[str]:
    if not is_first:
        yield ''
    yield make_printable(f'{path} is right:')
    yield from (make_printable(f'  {line}') for line in lines)
