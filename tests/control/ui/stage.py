"""What the page shows in the tests: a command with two proxies, real backends behind them, and clients that go on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis
import requests

from tests.commands import Command
from tests.control.api import Api
from tests.servers import HOST, TIMEOUT, Server
from vaurien import __version__

#: Seconds between two requests of a client.
PERIOD = 0.05

#: What the clients ask for, over and over.
COMMANDS = [('GET', 'user:1'), ('SET', 'cart:7', 'x'), ('GET', 'cart:7'), ('INCR', 'visits'), ('GET', 'user:2')]
PATHS = ['/ok', '/orders/7', '/', '/no-content']

CONFIG = """
[proxy:cache]
proxy = 127.0.0.1:0
backend = {redis}
protocol = redis

[proxy:shop]
proxy = 127.0.0.1:0
backend = {nginx}
protocol = http
"""


class Stage:
    """A running command, and what a test may ask about it."""

    version = __version__
    names = ('cache', 'shop')

    def __init__(self, command: Command) -> None:
        self.api = command.api
        self._ask = Api(command.api)
        self._backends = {name: self.status(name)['backend'] for name in self.names}

    def get(self, path: str) -> Any:
        """Return what the API answers."""
        return self._ask('GET', path).json()

    def status(self, name: str) -> Any:
        """Return the status of a proxy."""
        return self.get(f'/proxies/{name}/status')

    def armed(self, name: str) -> list[str]:
        """Return the names of what is armed on a proxy."""
        status = self.status(name)
        rules = [rule['name'] for rule in status['behaviors'] if rule['name'] != 'dummy']
        return rules + [toxic['name'] for toxic in status['toxics']]

    def rules(self, name: str) -> list[tuple[str, float, dict[str, Any]]]:
        """Return the rules of a proxy: name, percent, options."""
        return [(rule['name'], rule['percent'], rule['options']) for rule in self.status(name)['behaviors']]

    def arm(self, name: str, body: dict[str, Any]) -> None:
        """Arm rules on a proxy."""
        assert self._ask('PUT', f'/proxies/{name}/behavior', json=body).json() == {'status': 'ok'}

    def add(self, name: str, toxic: dict[str, Any]) -> None:
        """Add a toxic to a proxy."""
        assert self._ask('POST', f'/proxies/{name}/toxics', json=toxic).status_code == 200

    def address(self, name: str) -> tuple[str, int]:
        """Return where a proxy listens."""
        host, _, port = self.status(name)['proxy'].rpartition(':')
        return host, int(port)

    def clear(self) -> None:
        """Have everything pass, to where it went at the beginning."""
        self._ask('DELETE', '/schedule')
        requests.post(f'{self.api}/reset', timeout=TIMEOUT)
        for name, backend in self._backends.items():
            if self.status(name)['backend'] != backend:
                self._ask('PUT', f'/proxies/{name}/backend', json={'backend': backend})
            self._ask('DELETE', f'/proxies/{name}/faults')


@contextmanager
def asking(stage: Stage) -> Iterator[None]:
    """Have two clients ask for the length of the block, whatever they are answered."""
    ended = threading.Event()
    ask = [_ask_redis, _ask_http]
    threads = [
        threading.Thread(target=_go_on, args=(one, stage.address(name), ended), daemon=True)
        for one, name in zip(ask, stage.names, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(TIMEOUT)


def _go_on(ask: Any, address: tuple[str, int], ended: threading.Event) -> None:
    while not ended.is_set():
        with suppress(redis.RedisError, requests.RequestException, OSError):
            ask(address, ended)
        ended.wait(PERIOD)


def _ask_redis(address: tuple[str, int], ended: threading.Event) -> None:
    with redis.Redis(*address, socket_timeout=TIMEOUT, single_connection_client=True) as client:
        i = 0
        while not ended.wait(PERIOD):
            with suppress(redis.ResponseError):
                client.execute_command(*COMMANDS[i % len(COMMANDS)])
            i += 1


def _ask_http(address: tuple[str, int], ended: threading.Event) -> None:
    with requests.Session() as session:
        session.trust_env = False
        i = 0
        while not ended.wait(PERIOD):
            session.get(f'http://{address[0]}:{address[1]}{PATHS[i % len(PATHS)]}', timeout=TIMEOUT)
            i += 1


def is_open(address: tuple[str, int]) -> bool:
    """Return whether somebody accepts connections there."""
    with suppress(OSError), socket.create_connection(address, TIMEOUT):
        return True
    return False


def write_config(redis_server: Server, nginx: Server) -> str:
    """Return the settings of the command."""
    backends = {name: f'{HOST}:{server.port}' for name, server in (('redis', redis_server), ('nginx', nginx))}
    return CONFIG.format(**backends)
