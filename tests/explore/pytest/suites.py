"""Runs the tests of somebody who explores them, and reads what was found out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.commands import PYTEST
from tests.explore.pytest.forking import Forking, Order
from tests.servers import Server
from vaurien.explore.model import Cell, Explored, Outcome
from vaurien.explore.showing.records import read_records

#: A cart in Redis. `add` tries again, and so puts things in twice; `list_items` shows an empty cart if Redis fails.
CART = """
import os
import redis

class Unavailable(Exception):
    pass

def connect():
    timeouts = {'socket_timeout': 0.3, 'socket_connect_timeout': 0.3}
    return redis.Redis.from_url(os.environ['REDIS_URL'], **timeouts, protocol=2, retry=None)

def add(user, item):
    with connect() as client:
        for attempt in range(3):
            try:
                return client.rpush(f'{os.environ["CART"]}:{user}', item)
            except redis.RedisError as error:
                failure = error
        raise Unavailable from failure

def list_items(user):
    with connect() as client:
        try:
            return [item.decode() for item in client.lrange(f'{os.environ["CART"]}:{user}', 0, -1)]
        except redis.RedisError:
            return []
"""

#: What nearly every test has: its cart is empty, and it looks into Redis itself.
CONFTEST = """
import os
import pytest
import redis

@pytest.fixture
def database(request):
    with redis.Redis.from_url(os.environ['REDIS_URL'], protocol=2) as client:
        client.delete(os.environ['CART'] + (':bob' if request.node.name == 'test_bob' else ':ann'))
        yield client
"""

TEST = """
import os
from shop import cart

def test_add(database):
    cart.add('ann', 'tea')
    assert database.exists(os.environ['CART'] + ':ann')
    assert cart.list_items('ann') == ['tea']
"""


class Suite:
    """A project with tests, and a Redis of its own."""

    def __init__(self, folder: Path, redis: Server, forking: Forking) -> None:
        self.folder = folder
        self._forking = forking
        self.environ = {**os.environ, 'REDIS_URL': f'redis://{redis.address}/0', 'CART': folder.name}
        self.write('pyproject.toml', '')
        self.write('shop/cart.py', CART)
        self.write('tests/conftest.py', CONFTEST)

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def command(self, *flags: str) -> list[str]:
        """Return the command that runs the tests."""
        return [*PYTEST, '-q', *flags]

    def run(self, *flags: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the tests."""
        command = self.command(*flags)
        out, err = self.folder / 'stdout', self.folder / 'stderr'
        environ = {**self.environ, **(environ or {})}
        status = self._forking.run(Order(str(self.folder), command[3:], environ, str(out), str(err)))
        return subprocess.CompletedProcess(command, status, out.read_text(), err.read_text())

    def explore(self, *flags: str, **environ: Any) -> dict[str, Explored]:
        """Explore the tests, and return what was found out by the name of the test."""
        result = self.run(
            '--vaurien-explore', '--vaurien=redis:REDIS_URL', '--vaurien-explore-report=out', *flags, environ=environ
        )
        assert result.returncode in (0, 1), result.stdout + result.stderr
        return self.read(result.stdout)

    def read(self, output: str = '') -> dict[str, Explored]:
        """Return what was found out, as the report has it; *output* is shown if there is none."""
        assert (self.folder / 'out' / 'explore.json').exists(), output
        return {each.test.rpartition('::')[2]: each for each in read_records(self.folder / 'out' / 'explore.json')}


def outcomes(explored: Explored) -> dict[str, set[Outcome]]:
    """Return what became of the test under each fault."""
    return {' & '.join(map(str, cell.injections)): set(cell.outcomes) for cell in explored.cells}


def find_cell(explored: Explored, fault: str) -> Cell:
    """Return what became of the test under one fault."""
    return next(cell for cell in explored.cells if ' & '.join(map(str, cell.injections)) == fault)
