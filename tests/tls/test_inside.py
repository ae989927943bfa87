"""Faults inside TLS: each of them, aimed at a request of each framed protocol, with real clients and servers."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError as Unfinished
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.behaviors.waiting import eventually
from tests.servers import TIMEOUT
from tests.tls.clients import CLIENTS, SMTP, MySQL, Postgres, TLSClient
from vaurien import Proxy

SLEEP = 0.05


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.protocol)
def kind(request: pytest.FixtureRequest) -> type[TLSClient]:
    """A client of each protocol."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def proxy(kind: type[TLSClient], request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """A proxy that speaks TLS with clients, before a server that does not."""
    with Proxy(request.getfixturevalue(kind.server).address, kind.protocol, proxy_tls='auto') as proxy:
        yield proxy


@pytest.fixture
def client(kind: type[TLSClient], proxy: Proxy, files: Path) -> Iterator[TLSClient]:
    """A client that has made its request once."""
    with closing(kind(proxy, files / 'proxy.pem')) as client:
        client.ask()
        yield client


@contextmanager
def aimed(proxy: Proxy, client: TLSClient, behavior: str, **options: object) -> Iterator[None]:
    """Arm a behavior for the second of such requests, and see in the end that it was applied to that alone."""
    proxy.set_behavior(behavior, match=client.text, nth=2, **options)
    client.ask()
    assert not proxy.faults()
    yield
    assert [(fault.behavior, fault.request) for fault in proxy.faults()] == [(behavior, client.text)]


def test_error(proxy: Proxy, client: TLSClient) -> None:
    with aimed(proxy, client, 'error'), pytest.raises(client.refused, match=r'injected by vaurien|Server Error'):
        client.ask()


def test_delay(proxy: Proxy, client: TLSClient) -> None:
    with aimed(proxy, client, 'delay', sleep=SLEEP):
        began = monotonic()
        client.ask()
        assert monotonic() - began >= SLEEP
    client.ask()


@pytest.mark.parametrize('behavior', ['abort', 'blackout'])
def test_a_connection_that_is_gone(proxy: Proxy, client: TLSClient, behavior: str) -> None:
    with aimed(proxy, client, behavior), pytest.raises(client.lost):
        client.ask()


def test_hang(proxy: Proxy, client: TLSClient) -> None:
    """The client waits until the behavior is no longer armed, and its connection is closed."""
    with ThreadPoolExecutor() as pool, aimed(proxy, client, 'hang'):
        asking = pool.submit(client.ask)
        proxy.wait_for_fault()
        with pytest.raises(Unfinished):
            asking.result(SLEEP)
        proxy.set_behavior('dummy')
        with pytest.raises(client.lost):
            asking.result()


class TestHandshakes:
    """What a behavior does to one that begins inside the protocol lasts until it is no longer armed."""

    @pytest.fixture(params=[MySQL, Postgres, SMTP], ids=lambda kind: kind.protocol)
    def kind(self, request: pytest.FixtureRequest) -> type[TLSClient]:
        """A client that asks for TLS."""
        return request.param  # type: ignore[no-any-return]

    @pytest.fixture
    def connecting(self, kind: type[TLSClient], files: Path) -> Iterator[Callable[[Proxy], Future[TLSClient]]]:
        """Have a client connect in another thread, and return once its handshake has met a fault."""
        with ThreadPoolExecutor() as pool:

            def connect(proxy: Proxy) -> Future[TLSClient]:
                made = pool.submit(kind, proxy, files / 'proxy.pem')
                assert proxy.wait_for_fault().request.startswith('TLS')
                return made

            yield connect

    @pytest.mark.parametrize('after', ['client_hello', 'certificate'])
    def test_hang(
        self, connecting: Callable[[Proxy], Future[TLSClient]], proxy: Proxy, kind: type[TLSClient], after: str
    ) -> None:
        proxy.set_behavior('hang', match='TLS *', after=after)
        client = connecting(proxy)
        with pytest.raises(Unfinished):
            client.result(SLEEP)
        proxy.set_behavior('dummy')
        with pytest.raises((kind.lost, ssl.SSLEOFError)):  # type: ignore[arg-type]  # one may be several
            client.result(TIMEOUT / 2)
        eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_delay(self, connecting: Callable[[Proxy], Future[TLSClient]], proxy: Proxy) -> None:
        proxy.set_behavior('delay', match='TLS *', sleep=600)
        client = connecting(proxy)
        proxy.set_behavior('dummy')
        with closing(client.result(TIMEOUT / 2)) as connected:
            connected.ask()
