"""The applications in ``examples/`` with planted faults, and their mended twins."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from tests.commands import PYTEST
from tests.servers import TIMEOUT, Server, free_port

EXAMPLES = Path(__file__).parents[2] / 'examples'
SHOP = EXAMPLES / 'shop'
NODE_SHOP = EXAMPLES / 'node_shop'

#: What pytest is told for each twin.
TWINS = {'shipped': [], 'mended': ['-o', 'pythonpath=shared mended']}
SCRIPTS = {'shipped': 'test', 'mended': 'test:mended'}


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
def node_shop(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the application for Node.js, with what it needs."""
    copy = tmp_path_factory.mktemp('node') / 'node_shop'
    shutil.copytree(NODE_SHOP, copy, ignore=shutil.ignore_patterns('node_modules'))
    (copy / 'node_modules').symlink_to(node_modules / 'node_modules')
    return copy


def run(command: list[str], cwd: Path, environment: Mapping[str, str]) -> str:
    """Return what a command prints that must end well."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=6 * TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize(('folder', 'count'), [(SHOP, 10), (NODE_SHOP, 4)], ids=['shop', 'node_shop'])
def test_each_planted_fault_has_a_module_of_its_own(folder: Path, count: int) -> None:
    shipped, mended = (next(path for path in (folder / twin).rglob('*.[pj][ys]')).parent for twin in TWINS)
    compared = filecmp.dircmp(shipped, mended, ignore=['__pycache__'])
    assert not compared.left_only + compared.right_only + compared.same_files
    listed = re.findall(r'^\| `(\w+\.\w+)` \|', (folder / 'planted.md').read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(compared.diff_files)
    assert len(listed) == count


@pytest.mark.parametrize('twin', TWINS)
def test_the_tests_of_the_shop_pass(twin: str, environment: Mapping[str, str]) -> None:
    assert '16 passed' in run([*PYTEST, *TWINS[twin]], SHOP, environment)


@pytest.mark.parametrize('twin', SCRIPTS)
def test_the_tests_of_the_shop_for_node_pass(twin: str, environment: Mapping[str, str], node_shop: Path) -> None:
    assert re.search(r'pass 6$', run(['npm', 'run', SCRIPTS[twin]], node_shop, environment), re.MULTILINE)
