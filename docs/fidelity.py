"""Write the tables of ``fidelity.md`` from a run of ``tests/truth``.

python -m docs.fidelity REPORT     REPORT: what ``pytest tests/truth --junitxml REPORT`` wrote
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import fill
from typing import NamedTuple
from xml.etree import ElementTree

from tests.servers import command_path

PAGE = Path(__file__).parent / 'fidelity.md'
REGION = re.compile(r'(<!-- truth: (.+?) -->\n).*?(<!-- end -->)', re.DOTALL)
#: Where the tests have npm install the packages that they drive: in the cache of pytest.
NODE_MODULES = Path(__file__).parent.parent / '.pytest_cache' / 'd' / 'node' / 'node_modules'
#: Clients that are programs, and say their version themselves.
PROGRAMS = {'curl'}
#: The servers: commands that say their version themselves, or packages of Python.
SERVERS = {
    'redis': ['redis-server'],
    'http': ['nginx', 'haproxy'],
    'memcache': ['memcached'],
    'mysql': ['mariadbd'],
    'postgres': ['postgres'],
    'smtp': ['exim4', 'dovecot', 'aiosmtpd'],
}
HEADING = '| Situation | Fault | The real failure | Client |\n|---|---|---|---|\n'


class Row(NamedTuple):
    """One situation in which a client cannot tell an injected fault from the real failure."""

    protocol: str
    #: The name of the client's package: on PyPI, or ``node:pg``.
    driver: str
    situation: str
    fault: str
    real: str

    @property
    def line(self) -> str:
        """The row of the table."""
        cells = (self.situation, f'`{self.fault}`', self.real, f'`{self.driver}`')
        return '| ' + ' | '.join(cell.replace('|', r'\|') for cell in cells) + ' |'


def read_rows(report: Path) -> list[Row]:
    """Return the rows of all tests in a report. Raise `SystemExit` if one of them failed."""
    root = ElementTree.parse(report).getroot()
    broken = (case for kind in ('failure', 'error') for case in root.iterfind(f'.//testcase[{kind}]'))
    if failed := [case.get('name') for case in broken]:
        raise SystemExit(f'fidelity.py: these tests failed: {", ".join(map(str, failed))}')
    found = (prop.get('value', '') for prop in root.iter('property') if prop.get('name') == 'truth')
    return sorted({Row(**json.loads(value)) for value in found})


def read_version(driver: str) -> str:
    """Return the version of a client's package."""
    if driver.startswith('node:'):
        package = NODE_MODULES / driver.removeprefix('node:') / 'package.json'
        return str(json.loads(package.read_text())['version'])
    if driver in PROGRAMS:
        return read_server_version(driver).partition(' ')[2]
    try:
        return version(driver)
    except PackageNotFoundError:  # of the standard library
        return f'Python {sys.version_info.major}.{sys.version_info.minor}'


def read_server_version(program: str) -> str:
    """Return what a server says of its own version."""
    with suppress(PackageNotFoundError):
        return f'{program} {version(program)}'
    ask = [command_path(program), '-v' if program == 'nginx' else '--version']
    said = subprocess.run(ask, capture_output=True, text=True)
    found = re.search(r'\d+\.\d[\w.-]*', said.stdout + said.stderr)
    return f'{program} {found[0] if found else "of unknown version"}'


def make_table(rows: list[Row], protocol: str) -> str:
    """Return the table of a protocol, and the versions below it."""
    own = [row for row in rows if row.protocol == protocol]
    if not own:
        return 'Nothing yet.\n'
    seen_with = [f'{driver} {read_version(driver)}' for driver in sorted({row.driver for row in own})]
    seen_with[:0] = map(read_server_version, SERVERS.get(protocol, ()))
    versions = fill(f'Seen with {", ".join(seen_with)}.', 120, break_long_words=False, break_on_hyphens=False)
    return HEADING + ''.join(f'{row.line}\n' for row in own) + f'\n{versions}\n'


def make_summary(rows: list[Row]) -> str:
    """Return how many rows there are, and of what kinds."""
    by_manual = sum(row.real.startswith('by the manual') for row in rows)
    return f'{len(rows)} rows: {len(rows) - by_manual} against the real failure, {by_manual} by the manual.\n'


def main() -> None:
    """Write the page anew."""
    rows = read_rows(Path(sys.argv[1]))
    PAGE.write_text(
        REGION.sub(
            lambda region: (
                region[1] + (make_summary(rows) if region[2] == 'all' else make_table(rows, region[2])) + region[3]
            ),
            PAGE.read_text(),
        )
    )


if __name__ == '__main__':
    main()
