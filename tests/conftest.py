"""Fixtures every test may use. What they give is in `servers`, `peers` and `commands`."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import node, servers
from tests.commands import Command, StartCommand
from tests.peers import RawBackend, echo
from tests.servers import Server
from tests.toxiproxy.asking import Toxiproxy
from tests.turns import turn
from vaurien.behaviors import Behavior
from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.registry import Registry
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol

if TYPE_CHECKING:
    from tests.browser import Browser

# How long an example takes is a matter of what else the machine does.
settings.register_profile('tests', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('tests')


def pytest_configure() -> None:
    """Let every terminal have the size that its test gives it: pytest-xdist has readline set these."""
    for name in ('COLUMNS', 'LINES'):
        os.environ.pop(name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest test at the beginning, and the tests that run alone at the end: so the workers wait least."""
    items.sort(key=lambda item: (_is_serial(item), item.path.name != 'test_soak.py'))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of pytest-timeout: waiting for a turn is not part of the test
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test when it is its turn."""
    with turn(alone=_is_serial(item)):
        return (yield)


def _is_serial(item: pytest.Item) -> bool:
    return item.get_closest_marker('serial') is not None


@pytest.fixture(scope='session')
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A redis-server, empty at the start of the session: each test uses keys of its own."""
    with servers.redis(tmp_path_factory.mktemp('redis')) as server:
        yield server


@pytest.fixture(scope='session')
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An nginx; `servers.nginx` lists what it serves."""
    with servers.nginx(tmp_path_factory.mktemp('nginx')) as server:
        yield server


@pytest.fixture(scope='session')
def memcached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A memcached: each test uses keys of its own."""
    with servers.memcached(tmp_path_factory.mktemp('memcached')) as server:
        yield server


@pytest.fixture(scope='session')
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A MariaDB: each test uses tables of its own; `servers.mariadb` says who may enter."""
    with servers.mariadb(tmp_path_factory.mktemp('mariadb')) as server:
        yield server


@pytest.fixture(scope='session')
def postgres() -> Iterator[Server]:
    """A PostgreSQL, likewise."""
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope='session')
def node_modules(request: pytest.FixtureRequest) -> Path:
    """Where npm has installed the clients for Node.js of `tests/package.json`; they stay there for the next time."""
    assert request.config.cache is not None
    return node.install(request.config.cache.mkdir('node'))


@pytest.fixture(scope='session')
def echo_server() -> Iterator[RawBackend]:
    """A backend that sends back what arrives."""
    backend = RawBackend().serve(echo)
    yield backend
    backend.close()


@pytest.fixture
def raw_backend() -> Iterator[RawBackend]:
    """A backend played by the test."""
    backend = RawBackend()
    yield backend
    backend.close()


@pytest.fixture(scope='session')
def server() -> Iterator[Command]:
    """``vaurien --server``, which must not complain of anything but backends that are not there, and ends well."""
    command = Command('--server', '--log-level', 'error')
    try:
        yield command
        assert command.stop()[::2] == (0, '')
    finally:
        command.kill()


@pytest.fixture
def toxiproxy(server: Command) -> Iterator[Toxiproxy]:
    """Asks it. There is no proxy; in the end there may be some, and it must still be served."""
    toxiproxy = Toxiproxy(server.api)
    with toxiproxy.session:
        toxiproxy.clear()
        yield toxiproxy
        toxiproxy.clear()
        assert not server.log_lines


@pytest.fixture
def vaurien_command() -> Iterator[StartCommand]:
    """Starts ``vaurien`` with the flags given, which ends with the test at the latest."""
    with ExitStack() as stack:

        def start(*flags: str) -> Command:
            command = Command(*flags)
            stack.callback(command.kill)
            return command

        yield start


@pytest.fixture(scope='session')
def browser() -> Iterator[Browser]:
    """A browser, in which each test opens a page of its own."""
    from tests.browser import Browser  # late: it takes a while, and few tests need it

    with Browser() as browser:
        yield browser


@pytest.fixture
def behaviors(monkeypatch: pytest.MonkeyPatch) -> Registry[Dummy]:
    """Give the registry of behaviors; what a test registers is forgotten after it."""
    monkeypatch.setattr(Behavior, '_registered', dict(Behavior._registered))
    return Behavior


@pytest.fixture
def protocols(monkeypatch: pytest.MonkeyPatch) -> Registry[BaseProtocol]:
    """Give the registry of protocols; what a test registers is forgotten after it."""
    monkeypatch.setattr(Protocol, '_registered', dict(Protocol._registered))
    return Protocol
