"""Fixtures every test may use. What they give is in `servers`, `peers` and `commands`."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import node, servers
from tests.commands import Command, StartCommand, serving
from tests.compiling import share_compiling
from tests.peers import RawBackend, echo
from tests.servers import Server
from tests.toxiproxy.asking import Toxiproxy
from vaurien import native
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
    """Let what tests start know nothing of this terminal and of the world's authorities."""
    # pytest-xdist has readline set these, and every terminal is to have the size that its test gives it.
    for name in ('COLUMNS', 'LINES'):
        os.environ.pop(name, None)
    # Many a client reads all authorities for each connection, which takes 40 ms. No test talks to the world.
    os.environ['SSL_CERT_FILE'] = os.devnull


def pytest_collection(session: pytest.Session) -> None:
    """Compile what is to be collected beside the other workers, and look for garbage only once, when that is done."""
    gc.disable()
    share_compiling(session.config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests at the beginning: so no worker waits for them in the end. Then come those that share a browser."""

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker('slow') is not None:
            return 0
        return 1 if 'browser' in getattr(item, 'fixturenames', ()) else 2

    items.sort(key=place)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is about compiled code where nothing could be compiled."""
    if native.PURE and item.get_closest_marker('compiled') is not None:
        pytest.skip(native.PURE)


def pytest_collection_finish() -> None:
    """Let the garbage collector look at nothing that stays for the whole run: the tests themselves are most of it."""
    gc.enable()
    gc.collect()
    gc.freeze()


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
def node_modules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where npm has installed the clients for Node.js of `tests/package.json`; they stay there for the next time."""
    cache = getattr(request.config, 'cache', None)  # not there with `-p no:cacheprovider`
    return node.install(cache.mkdir('node') if cache else tmp_path_factory.mktemp('node'))


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
    with serving('--server', '--log-level', 'error') as command:
        yield command


@pytest.fixture(scope='session')
def echoing(echo_server: RawBackend) -> Iterator[Command]:
    """``vaurien`` before a server that echoes, under control and with a journal; what is armed has to be disarmed."""
    flags = '--behavior-delay-sleep', '0', '--journal', '/dev/null'
    with serving('--http', '--backend', echo_server.address, '--log-level', 'error', *flags) as command:
        yield command


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
