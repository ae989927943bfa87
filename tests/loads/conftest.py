"""What the tests of loads-runner need: a folder with tests, a web-socket server, and the commands."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.loads.commands import Done, Started, run
from tests.loads.forks import Forks
from tests.loads.several import SEVERAL, encode, split
from tests.servers import HOST, Server, free_port
from vaurien.loads.users.patching import unpatched

CASES = Path(__file__).parent / 'cases'

collect_ignore = ['cases']
if sys.version_info >= (3, 11):
    with unpatched():  # before any module under test imports it, and patches the process of the tests
        import locust  # noqa: F401
else:
    collect_ignore_glob = ['test_*.py', '*/test_*.py']  # Locust is for 3.11 and later


def echo(connection: ServerConnection) -> None:
    """Send every message back. At /shut, close after the first one. At /burst, begin with three messages."""
    path = connection.request.path if connection.request else ''
    if path == '/burst':
        for number in range(3):
            connection.send(f'message {number}')
    for message in connection:
        connection.send(message)
        if path == '/shut':
            return


def choose(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Choose the subprotocol of a connection."""
    return Subprotocol('chat') if 'chat' in offered else None


@pytest.fixture(scope='session')
def websocket_server() -> Iterator[str]:
    """``ws://host:port`` of a server that echoes; it knows the subprotocol ``chat``."""
    with serve(echo, HOST, 0, select_subprotocol=choose) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'ws://{HOST}:{server.socket.getsockname()[1]}'
        server.shutdown()
        thread.join()


@pytest.fixture(scope='session')
def forks() -> Iterator[Forks]:
    """A process that forks ``loads-runner`` and ``loads-broker``."""
    forks = Forks()
    yield forks
    forks.close()


class Shop:
    """A folder with the tests of `cases`, and the servers that they speak to."""

    def __init__(self, folder: Path, nginx: Server, redis_server: Server, websocket_server: str, forks: Forks) -> None:
        self.folder = folder
        self.forks = forks
        self.key = uuid4().hex
        self.redis = redis_server
        self.nginx = nginx
        self.notes = folder / 'notes.txt'
        for path in CASES.iterdir():
            if path.suffix == '.py':
                text = path.read_text().replace('http://localhost:9200', nginx.url)
                (folder / path.name).write_text(text.replace('ws://localhost:9000', websocket_server))
            elif path.is_dir() and path.name != '__pycache__':
                shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns('__pycache__'))
            elif path.is_file():
                shutil.copy(path, folder)
        self.environment = {
            'SERVER': nginx.url,
            'OTHER': nginx.url,
            'CLOSED': f'http://{HOST}:{free_port()}',
            'WEBSOCKET': websocket_server,
            'REDIS': redis_server.address,
            'KEY': self.key,
            'NOTES': str(self.notes),
        }

    def run(self, *flags: str, installed: bool = False, **environment: str) -> Done:
        """Run ``loads-runner`` in the folder to its end: a fork of it, or the *installed* command."""
        environment = {**self.environment, **environment}
        return run(
            'loads-runner', *flags, cwd=self.folder, environment=environment, forks=None if installed else self.forks
        )

    def run_all(self, lines: Iterable[Sequence[str]]) -> list[Done]:
        """Run ``loads-runner`` for several command lines, one after the other in one process."""
        done = run(SEVERAL, *encode(lines), cwd=self.folder, environment=self.environment, forks=self.forks)
        assert done.status == 0, done
        return [Done(status, out, err) for status, out, err in split(done.out, done.err)]

    def counted(self, key: str) -> int:
        """Return what the server counted."""
        with redis.Redis(self.redis.host, self.redis.port) as server:
            return int(server.get(f'{self.key}:{key}') or 0)

    def open_gate(self) -> None:
        """Let `test_gated` go on."""
        with redis.Redis(self.redis.host, self.redis.port) as server:
            server.set(f'{self.key}:open', 'yes')

    def forget(self) -> None:
        """Set all counts to zero and close the gate."""
        with redis.Redis(self.redis.host, self.redis.port) as server:
            server.delete(*(f'{self.key}:{key}' for key in ('open', 'far', 'slowly', 'waiting')))

    def noted(self) -> list[str]:
        """Return what the tests noted, in order."""
        return self.notes.read_text().split('\n')[:-1] if self.notes.exists() else []


@pytest.fixture(scope='session')
def make_shop(nginx: Server, redis_server: Server, websocket_server: str, forks: Forks) -> Callable[[Path], Shop]:
    """Makes a shop in a folder: the tests are in ``shop``, and processes make their own folders in ``scratch``."""

    def make(folder: Path) -> Shop:
        for name in ('shop', 'scratch'):
            (folder / name).mkdir()
        shop = Shop(folder / 'shop', nginx, redis_server, websocket_server, forks)
        shop.environment['TMPDIR'] = str(folder / 'scratch')
        return shop

    return make


@pytest.fixture
def shop(tmp_path: Path, make_shop: Callable[[Path], Shop]) -> Shop:
    """A folder of its own for each test."""
    return make_shop(tmp_path)


class Starter:
    """Starts commands; they end with the block at the latest."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._stack = ExitStack()

    def __enter__(self) -> Starter:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def __call__(self, command: str, *flags: str, cwd: Path | None = None, **environment: str) -> Started:
        """Start a command in the folder of the shop, or in *cwd*."""
        environment = {**self.shop.environment, **environment}
        forks = None if command == 'loads-agent' else self.shop.forks
        started = Started(command, *flags, cwd=cwd or self.shop.folder, environment=environment, forks=forks)
        self._stack.callback(started.kill)
        return started

    def agents(self, port: int, *names: str, flags: Sequence[str] = (), **environment: str) -> list[Started]:
        """Start agents for the broker at that port, each in an empty folder of its own."""
        started = []
        for name in names:
            folder = self.shop.folder.parent / name
            folder.mkdir()
            own = ('--broker', f'{HOST}:{port}', '--name', name)
            started.append(self('loads-agent', *own, *flags, cwd=folder, **environment))
        return started


@pytest.fixture
def start(shop: Shop) -> Iterator[Starter]:
    """Starts commands, which end with the test at the latest."""
    with Starter(shop) as starter:
        yield starter


@pytest.fixture
def scratch(shop: Shop) -> Path:
    """The folder in which processes make their own folders."""
    return shop.folder.parent / 'scratch'
