"""``vaurien report``: what explorations have found out, as one page that a team can put before a release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from vaurien.console.command import run_command
from vaurien.console.files import check_writable, write_file
from vaurien.console.output import print_line
from vaurien.console.parser import Parser
from vaurien.console.statuses import describe_statuses
from vaurien.errors import ConfigError

NAME = 'vaurien report'
TITLE = 'Resilience report'
OUTPUT = 'resilience.html'

USAGE = f'{NAME} [flags] DIR|EXPLORE.JSON ...'

DESCRIPTION = """\
Makes one page of what explorations have found out: what to mend first, how many faults were survived
for each dependency and kind of fault, how long that took beside runs without a fault, and what was
not tried. Takes the folders that --report of `vaurien explore` and --vaurien-explore-report of pytest
have written, or the files explore.json in them. The page is one file that loads nothing."""

EPILOG = f"""\
examples:
  vaurien report findings
  vaurien report --title 'Shop 4.2' --output shop.html api/findings mail/findings
  vaurien report --baseline accepted.toml findings

{describe_statuses(NAME)}"""


def main(argv: Sequence[str]) -> int:
    """Run the command with *argv*, behind its name, and return its exit status."""
    return run_command(NAME, lambda: run(argv))


def run(argv: Sequence[str]) -> int:
    """Write the page, and return 0; raise `ConfigError`, `UnwrittenError`."""
    given = make_parser().parse(argv, intermixed=True)
    from vaurien.explore.showing.baseline import NOTHING, load_baseline  # late: these take as long as the flags
    from vaurien.explore.showing.records import read_records
    from vaurien.explore.showing.report import RECORDS
    from vaurien.explore.showing.resilience import make_resilience_page

    if not given.paths:
        raise ConfigError(f'there is nothing to report: {USAGE}')
    check_writable(given.output)
    files = [Path(path, RECORDS) if Path(path).is_dir() else Path(path) for path in given.paths]
    if len({file.resolve() for file in files}) < len(files):
        raise ConfigError('the same exploration is given twice')
    explored = [test for file in files for test in read_records(file)]
    when = datetime.fromtimestamp(max(file.stat().st_mtime for file in files)).astimezone()
    baseline = NOTHING if given.baseline is None else load_baseline(given.baseline)
    page = make_resilience_page(explored, baseline, given.title, when)
    write_file(given.output, page.encode())
    print_line(f'The page is {given.output}.')
    return 0


def make_parser() -> Parser:
    """Return the parser of the flags."""
    parser = Parser(prog=NAME, usage=USAGE, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument('paths', metavar='DIR|EXPLORE.JSON', nargs='*', help='what an exploration has written')
    parser.add_argument('--output', metavar='FILE', default=OUTPUT, help=f'the page (default {OUTPUT})')
    parser.add_argument('--title', metavar='TEXT', default=TITLE, help=f'its title (default {TITLE!r})')
    parser.add_argument('--baseline', metavar='FILE', help='findings that are accepted, each with a reason')
    return parser
