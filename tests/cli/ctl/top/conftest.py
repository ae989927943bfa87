"""What the tests of ``vaurienctl top`` share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import redis

from tests.servers import HOST, TIMEOUT, Server
from vaurien.client import Client


@pytest.fixture
def cache(process: Client, redis_server: Server) -> Client:
    """A proxy before a Redis."""
    return process.create_proxy('cache', f'{HOST}:0', redis_server.address, 'redis')


@pytest.fixture
def busy(cache: Client) -> Iterator[None]:
    """Somebody who goes on asking the Redis through the proxy, whatever is answered."""
    with asking(cache):
        yield


@contextmanager
def asking(proxy: Client) -> Iterator[None]:
    begun, over = threading.Event(), threading.Event()
    port = int(proxy.inspect()['listen'].rpartition(':')[2])

    def ask() -> None:
        with redis.Redis(HOST, port, socket_timeout=TIMEOUT) as client:
            for number in range(1_000_000):
                for name in ('GET', 'TTL'):
                    with suppress(redis.RedisError):
                        client.execute_command(name, f'top:{number}')
                begun.set()
                if over.wait(0.01):
                    return

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert begun.wait(TIMEOUT)  # with the commands of a client that connects
        yield
    finally:
        over.set()
        thread.join(TIMEOUT)
