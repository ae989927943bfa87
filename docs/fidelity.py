"""Write the tables of ``fidelity.md`` and those of clients in ``tls.md`` from a run of ``tests/truth``.

python -m docs.fidelity REPORT     REPORT: what ``pytest tests/truth --junitxml REPORT`` wrote
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import fill
from typing import NamedTuple
from xml.etree import ElementTree

from tests.servers import command_path

DOCS = Path(__file__).parent
REGION = re.compile(r'(<!-- truth: (.+?) -->\n).*?(<!-- end -->)', re.DOTALL)
#: Where the tests have npm install the packages that they drive: in the cache of pytest.
NODE_MODULES = DOCS.parent / '.pytest_cache' / 'd' / 'node' / 'node_modules'
#: Clients that are programs, and say their version themselves.
PROGRAMS = {'curl', 'java', 'node', 'openssl'}
#: The servers: commands that say their version themselves, or packages of Python.
SERVERS = {
    'redis': ['redis-server'],
    'http': ['nginx', 'haproxy'],
    'memcache': ['memcached'],
    'mysql': ['mariadbd'],
    'postgres': ['postgres'],
    'smtp': ['exim4', 'dovecot', 'aiosmtpd'],
}
#: What clients are called in the heading of a table, if not as their package or program.
TITLES = {'java': 'Java', 'node': 'Node.js', 'openssl': 'openssl s_client', 'pymysql': 'PyMySQL', 'redis': 'redis-py'}
HEADING = '| Situation | Fault | The real failure | Client |\n|---|---|---|---|\n'


class Row(NamedTuple):
    """One situation in which a client cannot tell an injected fault from the real failure: a row of ``fidelity.md``."""

    protocol: str
    #: The name of the client's package: on PyPI, or ``node:pg``.
    driver: str
    situation: str
    fault: str
    real: str

    @property
    def line(self) -> str:
        """The row of the table."""
        return write_line(self.situation, f'`{self.fault}`', self.real, f'`{self.driver}`')


class Answers(NamedTuple):
    """What clients say of one fault of TLS: a row of ``tls.md``."""

    table: str
    fault: str
    #: By client, as Markdown; empty if the fault is not for it.
    said: dict[str, str]

    @property
    def line(self) -> str:
        """The row of the table."""
        return write_line(self.fault, *self.said.values())


#: The rows that tests record: the name of the property, and the page.
KINDS: dict[type[Row | Answers], tuple[str, Path]] = {
    Row: ('truth', DOCS / 'fidelity.md'),
    Answers: ('answers', DOCS / 'tls.md'),
}


def write_line(*cells: str) -> str:
    """Return a row of a table."""
    return '| ' + ' | '.join(cell.replace('|', r'\|') for cell in cells) + ' |'


def read_rows(report: Path) -> tuple[list[Row], list[Answers]]:
    """Return the rows of all tests in a report. Raise `SystemExit` if one of them failed."""
    root = ElementTree.parse(report).getroot()
    broken = (case for kind in ('failure', 'error') for case in root.iterfind(f'.//testcase[{kind}]'))
    if failed := [case.get('name') for case in broken]:
        raise SystemExit(f'fidelity.py: these tests failed: {", ".join(map(str, failed))}')
    found = [(prop.get('name'), json.loads(prop.get('value', ''))) for prop in root.iter('property')]
    rows = sorted({Row(**fields) for name, fields in found if name == KINDS[Row][0]})
    return rows, sorted(Answers(**fields) for name, fields in found if name == KINDS[Answers][0])


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
    ask = [command_path(program), {'nginx': '-v', 'openssl': 'version'}.get(program, '--version')]
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
    return HEADING + ''.join(f'{row.line}\n' for row in own) + f'\n{write_versions(seen_with)}'


def make_answers(answers: list[Answers]) -> str:
    """Return a table of what clients say, and above it their versions and that of the OpenSSL of Python."""
    clients = list(answers[0].said)
    seen_with = [f'{TITLES.get(client, client)} {read_version(client)}' for client in clients]
    seen_with.append(f'{" ".join(ssl.OPENSSL_VERSION.split()[:2])} in {read_version("ssl")}')
    heading = write_line('Fault', *(TITLES.get(client, client) for client in clients))
    lines = [heading, '|---' * (len(clients) + 1) + '|', *(row.line for row in answers)]
    return f'{write_versions(seen_with)}\n' + ''.join(f'{line}\n' for line in lines)


def write_versions(seen_with: list[str]) -> str:
    """Return the sentence that names versions."""
    return fill(f'Seen with {", ".join(seen_with)}.', 120, break_long_words=False, break_on_hyphens=False) + '\n'


def make_summary(rows: list[Row]) -> str:
    """Return how many rows there are, and of what kinds."""
    by_manual = sum(row.real.startswith('by the manual') for row in rows)
    return f'{len(rows)} rows: {len(rows) - by_manual} against the real failure, {by_manual} by the manual.\n'


def make_region(name: str, rows: list[Row], answers: list[Answers]) -> str:
    """Return what stands in the region of that name."""
    if name == 'all':
        return make_summary(rows)
    own = [row for row in answers if row.table == name]
    return make_answers(own) if own else make_table(rows, name)


def main() -> None:
    """Write the pages anew."""
    rows, answers = read_rows(Path(sys.argv[1]))
    for _, page in KINDS.values():
        page.write_text(
            REGION.sub(lambda region: region[1] + make_region(region[2], rows, answers) + region[3], page.read_text())
        )


if __name__ == '__main__':
    main()
