"""The applications in ``examples/`` with planted faults, and their mended twins.

To try every fault takes minutes, most of them spent in waiting for replies that do not come. So each run of the tests
tries those faults of which the outcome is known at once, on the shop for Python; and one cell on that for Node.js.
``make explore`` tries all of them, on both.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import psycopg
import pytest

from tests.commands import PYTEST, SCRIPTS as COMMANDS
from tests.programs import run_program
from tests.servers import TIMEOUT, Server, free_port
from vaurien.explore.model import Cell, Outcome
from vaurien.explore.settings import ExploreSettings, read_settings
from vaurien.explore.showing.records import read_records
from vaurien.framing.trials import Kind

EXAMPLES = Path(__file__).parents[2] / 'examples'
SHOP = EXAMPLES / 'shop'
NODE_SHOP = EXAMPLES / 'node_shop'
TUTORIAL = (EXAMPLES.parent / 'docs' / 'explore.md').read_text()

#: What pytest is told for each twin.
TWINS = {'shipped': [], 'mended': ['-o', 'pythonpath=shared mended']}
SCRIPTS = {'shipped': 'test', 'mended': 'test:mended'}

#: The tests in which a planted fault shows at once, and the settings that leave out what is waited for.
QUICK_TESTS = [
    'tests/test_shopping.py::test_an_order_is_paid',
    'tests/test_shopping.py::test_prices_in_other_money',
    'tests/test_shopping.py::test_products_are_found',
    'tests/test_afterwards.py::test_the_receipt',
    'tests/test_afterwards.py::test_the_confirmation_is_mailed',
    'tests/test_afterwards.py::test_points_are_added',
    'tests/test_afterwards.py::test_visitors_see_no_orders',
]
QUICK_SETTINGS = 'faults = ["lost", "half"]\n'

#: How many runs of the shop for Node.js there are at a time, where all faults are tried.
JOBS = 2

#: What a sound application never comes to.
FALSE = {Outcome.WRONG, Outcome.TWICE, Outcome.HUNG}

#: The variables that the applications read.
VARIABLES = {'postgres': 'DATABASE_URL', 'redis': 'REDIS_URL', 'http': 'PAYMENT_URL', 'smtp': 'MAIL_URL'}


@pytest.fixture(scope='module')
def environment(redis_server: Server, postgres: Server) -> Iterator[Mapping[str, str]]:
    """Give the environment of the applications: they delete whatever is in their backends."""
    account = f'postgresql://tester:secret@{postgres.address}'
    with psycopg.connect(f'{account}/postgres', autocommit=True) as connection:
        connection.execute('CREATE DATABASE shop')
        payments = free_port()
        yield {
            **os.environ,
            'DATABASE_URL': f'{account}/shop',
            'REDIS_URL': f'redis://{redis_server.address}/9',
            'PAYMENT_URL': f'http://127.0.0.1:{payments}',
            'PAYMENT_PORT': str(payments),
            # How long the applications wait for a reply; the machine may be busy.
            'SHOP_TIMEOUT': str(TIMEOUT / 10),
            'PYTHONDONTWRITEBYTECODE': '1',
            'no_proxy': '*',
        }
        connection.execute('DROP DATABASE shop WITH (FORCE)')


@pytest.fixture(scope='module')
def hasty(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Give the same, for tests with their own short timeouts: all that is silent takes as long as they do."""
    return {name: value for name, value in environment.items() if name != 'SHOP_TIMEOUT'}


@pytest.fixture(scope='module')
def node_shop(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the application for Node.js, with what it needs."""
    copy = tmp_path_factory.mktemp('node') / 'node_shop'
    shutil.copytree(NODE_SHOP, copy, ignore=shutil.ignore_patterns('node_modules'))
    (copy / 'node_modules').symlink_to(node_modules / 'node_modules')
    return copy


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Give a copy of the application for Python, which may have settings of its own."""
    return shutil.copytree(SHOP, tmp_path / 'shop', ignore=shutil.ignore_patterns('__pycache__'))


def explore_shop(twin: str, shop: Path, environment: Mapping[str, str], *flags: str) -> list[Cell]:
    """Return what has become of the shop for Python under each fault that was tried."""
    variables = [f'--vaurien={protocol}:{variable}' for protocol, variable in VARIABLES.items()]
    command = [*PYTEST, *TWINS[twin], '--vaurien-explore', *variables, '--vaurien-explore-report=report', *flags]
    run_program(command, shop, environment, statuses=(0, 1), seconds=60 * TIMEOUT)
    return [cell for explored in read_records(shop / 'report' / 'explore.json') for cell in explored.cells]


def explore_node_shop(twin: str, node_shop: Path, environment: Mapping[str, str], *flags: str) -> list[Cell]:
    """Return what has become of the shop for Node.js under each fault that was tried."""
    variables = ['--vaurien=redis:REDIS_URL', '--vaurien=http:PAYMENT_URL']
    command = [str(COMMANDS / 'vaurien'), 'explore', *variables, f'--report=report-{twin}', *flags]
    words = [*command, '--', 'npm', 'run', SCRIPTS[twin]]
    run_program(words, node_shop, environment, statuses=(0, 1), seconds=60 * TIMEOUT)
    return [cell for explored in read_records(node_shop / f'report-{twin}' / 'explore.json') for cell in explored.cells]


def find_port_prefix(jobs: int) -> str:
    """Return what, with the number of a job behind it, is a free port for each of so many."""
    while True:
        prefix = str(free_port() // 10)
        with suppress(OSError), ExitStack() as stack:
            for job in range(1, jobs + 1):
                stack.enter_context(socket.create_server(('127.0.0.1', int(f'{prefix}{job}'))))
            return prefix


class Planted(NamedTuple):
    """A planted fault: its module, and what it comes to if a request has a fault of some kind."""

    module: str
    outcome: Outcome
    request: str
    kind: Kind


def find_planted(folder: Path) -> list[Planted]:
    """Return the faults that were planted."""
    row = re.compile(r'^\| `(\w+\.\w+)` \|.*\| \*(\w+)\*: `(.+)` \*(\w+)\* \|$', re.MULTILINE)
    found = row.findall((folder / 'planted.md').read_text())
    return [Planted(module, Outcome(outcome), request, Kind(kind)) for module, outcome, request, kind in found]


def find_false(cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """Return what is said of a sound application that is not so."""
    assert cells
    return [(str(cell.injections), cell.message) for cell in cells if cell.outcomes & FALSE]


def find_missed(planted: Sequence[Planted], cells: Sequence[Cell]) -> list[str]:
    """Return the modules whose faults were not found: a cell has the outcome, and names the line if it can."""
    return [
        one.module for one in planted if not any(one.outcome in cell.outcomes and _names(cell, one) for cell in cells)
    ]


def _names(cell: Cell, planted: Planted) -> bool:
    """Return whether a cell is about a planted fault."""
    if '.py:' in cell.where:
        return Path(cell.where.partition(':')[0]).name == planted.module
    (*_, last) = cell.injections
    return last.request == planted.request and last.kind is planted.kind


@pytest.mark.parametrize(('folder', 'count'), [(SHOP, 10), (NODE_SHOP, 4)], ids=['shop', 'node_shop'])
def test_each_planted_fault_has_a_module_of_its_own(folder: Path, count: int) -> None:
    shipped, mended = (next(path for path in (folder / twin).rglob('*.[pj][ys]')).parent for twin in TWINS)
    compared = filecmp.dircmp(shipped, mended, ignore=['__pycache__'])
    assert not compared.left_only + compared.right_only + compared.same_files
    assert sorted(one.module for one in find_planted(folder)) == sorted(compared.diff_files)
    assert len(compared.diff_files) == count


@pytest.mark.parametrize('twin', TWINS)
def test_the_tests_of_the_shop_pass(twin: str, environment: Mapping[str, str]) -> None:
    assert '16 passed' in run_program([*PYTEST, *TWINS[twin]], SHOP, environment)


@pytest.mark.parametrize('twin', SCRIPTS)
def test_the_tests_of_the_shop_for_node_pass(twin: str, environment: Mapping[str, str], node_shop: Path) -> None:
    assert re.search(r'pass 3$', run_program(['npm', 'run', SCRIPTS[twin]], node_shop, environment), re.MULTILINE)


def test_planted_faults_are_found_at_once(shop: Path, environment: Mapping[str, str]) -> None:
    (shop / 'vaurien-explore.toml').write_text(QUICK_SETTINGS)
    cells = explore_shop('shipped', shop, environment, *QUICK_TESTS)
    assert find_missed(find_planted(SHOP), cells) == ['instalments.py']


def test_nothing_is_said_of_the_mended_twin(shop: Path, environment: Mapping[str, str]) -> None:
    (shop / 'vaurien-explore.toml').write_text(QUICK_SETTINGS)
    assert find_false(explore_shop('mended', shop, environment, *QUICK_TESTS)) == []


@pytest.mark.parametrize(('twin', 'is_twice'), [('shipped', True), ('mended', False)])
def test_a_charge_that_is_tried_again(
    twin: str, is_twice: bool, node_shop: Path, environment: Mapping[str, str]
) -> None:
    (cell,) = explore_node_shop(twin, node_shop, environment, '--fault', 'http: POST /charges #1 lost')
    assert (Outcome.TWICE in cell.outcomes) is is_twice


@pytest.mark.whole
@pytest.mark.timeout(900)
def test_all_faults_of_the_shop(tmp_path: Path, hasty: Mapping[str, str]) -> None:
    shops = {twin: shutil.copytree(SHOP, tmp_path / twin) for twin in TWINS}
    began = monotonic()
    cells = explore_shop('shipped', shops['shipped'], hasty)
    assert monotonic() - began < 180
    assert len(find_missed(find_planted(SHOP), cells)) <= 1
    assert find_false(explore_shop('mended', shops['mended'], hasty)) == []


@pytest.mark.whole
@pytest.mark.timeout(900)
def test_all_faults_of_the_shop_for_node(node_shop: Path, hasty: Mapping[str, str]) -> None:
    ports = find_port_prefix(JOBS) + '{job}'
    variables = ['--env', f'PAYMENT_PORT={ports}', '--env', f'PAYMENT_URL=http://127.0.0.1:{ports}']
    flags = ['--jobs', str(JOBS), *variables]
    patient = {**hasty, 'SHOP_TIMEOUT': '1'}  # two runs at a time take longer each
    began = monotonic()
    cells = explore_node_shop('shipped', node_shop, patient, *flags)
    assert monotonic() - began < 180
    assert find_missed(find_planted(NODE_SHOP), cells) == []
    assert find_false(explore_node_shop('mended', node_shop, patient, *flags)) == []


def test_the_invariants_that_the_tutorial_shows() -> None:
    block = TUTORIAL[TUTORIAL.index('    @pytest.fixture(autouse=True)') :].partition('\n\n')[0]
    there = (SHOP / 'tests' / 'conftest.py').read_text()
    shown = [line.removeprefix('    ') for line in block.splitlines() if '…' not in line]
    assert len(shown) > 8
    assert [line for line in shown if f'{line}\n' not in there] == []


def test_the_settings_that_the_tutorial_shows(tmp_path: Path) -> None:
    (block,) = re.findall(r'<!-- file: pyproject.toml -->\n```toml\n(.*?)```', TUTORIAL, re.DOTALL)
    (tmp_path / 'pyproject.toml').write_text(block)
    settings = read_settings(tmp_path)
    assert settings.exceptions == ('Unavailable',)
    assert settings.statuses == {503, 504}
    unchanged = ExploreSettings()
    shown = [name for name in settings.__struct_fields__ if getattr(settings, name) != getattr(unchanged, name)]
    assert sorted([*shown, 'allow_remote', 'depth']) == sorted(settings.__struct_fields__)
