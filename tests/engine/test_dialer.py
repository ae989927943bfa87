"""From a link to its backend: what refuses, what does not answer, what comes up later.

Clients that leave meanwhile are tested here, too: they are the business of `vaurien.engine.departure`.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.talk import connect, inside, join, make_proxy
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, free_port
from vaurien.embedded import Proxy
from vaurien.engine.departure import INTERVAL
from vaurien.engine.dialer import ATTEMPT_DELAY
from vaurien.engine.proxy import ProxyServer

#: Nobody listens there, and nobody can.
DISCARD = '127.0.0.1:9'
#: Of addresses: what IPv6 is to a kernel without it.
UNKNOWN_FAMILY = 999


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@contextmanager
def unresponsive() -> Iterator[str]:
    """The address of a backend whose backlog is full: it neither accepts nor refuses."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0), backlog=1))
        address = listener.getsockname()
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f'{HOST}:{address[1]}'


def meet_a_reset(proxy: Proxy) -> None:
    """Connect, and be reset; that may come before connecting has returned."""
    with pytest.raises(ConnectionResetError):
        connect(proxy).recv()


def test_a_link_that_connects_is_not_idle(caplog: pytest.LogCaptureFixture) -> None:
    """It ends when the time to connect is up, and as such links end."""
    with unresponsive() as address, make_proxy(address, timeout=0.5, idle_timeout=0.1) as proxy:
        meet_a_reset(proxy)
    assert warnings(caplog) == [f'link 1: cannot connect to {address}: Connection timed out']


@pytest.mark.parametrize('protocol', ['tcp', 'http', 'redis'])
def test_a_backend_that_refuses(protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), make_proxy(DISCARD, protocol) as proxy:
        meet_a_reset(proxy)
        eventually(lambda: proxy.status()['links'] == {'open': 0, 'total': 1})
    assert warnings(caplog) == ['link 1: cannot connect to 127.0.0.1:9: Connection refused']


def test_a_backend_whose_name_does_not_resolve(caplog: pytest.LogCaptureFixture) -> None:
    with make_proxy('no-such-host.invalid:80') as proxy:
        meet_a_reset(proxy)
        assert proxy.status()['links']['total'] == 1
    unknown = 'cannot resolve no-such-host.invalid'
    at_the_start, for_the_link, of_the_link = warnings(caplog)
    assert at_the_start == for_the_link
    assert for_the_link.startswith(f'{unknown}: ')
    assert of_the_link == f'link 1: cannot connect to no-such-host.invalid:80: {unknown}'


def test_a_backend_that_comes_up_later() -> None:
    port = free_port()
    with make_proxy(f'{HOST}:{port}') as proxy:
        meet_a_reset(proxy)
        with socket.create_server((HOST, port)) as listener:
            client = connect(proxy)
            client.send(b'hello')
            with Peer(listener.accept()[0]) as backend:
                assert backend.recv_exactly(5) == b'hello'


def test_a_backend_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    with unresponsive() as address, make_proxy(address, timeout=0.2) as proxy:
        began = monotonic()
        meet_a_reset(proxy)
        assert 0.2 <= monotonic() - began < TIMEOUT
    assert warnings(caplog) == [f'link 1: cannot connect to {address}: Connection timed out']


def test_a_client_that_does_not_wait_for_it() -> None:
    with unresponsive() as address, make_proxy(address) as proxy:
        client = connect(proxy)
        eventually(lambda: proxy.status()['links']['open'] == 1)
        client.send(b'hello')
    with pytest.raises(ConnectionResetError):
        client.recv()


def leave(client: Peer) -> None:
    client.close()


def leave_after_speaking(client: Peer) -> None:
    client.send(b'hello')
    client.reset()


@pytest.mark.parametrize('leave', [leave, Peer.reset, leave_after_speaking])
def test_a_client_that_leaves_meanwhile_is_forgotten(leave: Callable[[Peer], None]) -> None:
    with unresponsive() as address, make_proxy(address, timeout=100 * TIMEOUT) as proxy:
        client = connect(proxy)
        eventually(lambda: proxy.status()['links']['open'] == 1)
        leave(client)
        eventually(lambda: proxy.status()['links']['open'] == 0)


def test_a_client_that_has_said_all_it_will_say_is_waited_for(raw_backend: RawBackend) -> None:
    with unresponsive() as address, make_proxy(address) as proxy:
        client = connect(proxy)
        client.send(b'hello')
        client.shut_down()
        eventually(lambda: proxy.status()['links']['open'] == 1)
        time.sleep(1.5 * INTERVAL)  # the proxy has looked
        proxy.set_backend(raw_backend.address)
        backend = raw_backend.accept()
        assert backend.recv_all() == b'hello'
        backend.send(b'yes')
        backend.close()
        assert client.recv_all() == b'yes'


def test_what_the_client_sent_meanwhile_is_kept(raw_backend: RawBackend) -> None:
    with unresponsive() as address, make_proxy(address) as proxy:
        client = connect(proxy)
        client.send(b'hello')
        eventually(lambda: proxy.status()['links']['open'] == 1)
        proxy.set_backend(raw_backend.address)
        backend = raw_backend.accept()
        assert backend.recv_exactly(5) == b'hello'
        backend.send(b'yes')
        assert client.recv_exactly(3) == b'yes'
        assert proxy.status()['links'] == {'open': 1, 'total': 1}


def test_a_keep_alive_connection_on_its_way_to_another_backend(raw_backend: RawBackend) -> None:
    """It is told once more to go elsewhere before it has arrived."""
    with unresponsive() as address, make_proxy(raw_backend, 'http') as proxy:
        client, backend = join(proxy, raw_backend)
        proxy.set_backend(address)
        assert backend.recv() == b''
        other = RawBackend()
        proxy.set_backend(other.address)
        backend = other.accept()
        client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        assert backend.recv_until(b'\r\n\r\n').startswith(b'GET / ')
        other.close()


def test_what_is_armed_while_a_keep_alive_connection_is_on_its_way(raw_backend: RawBackend) -> None:
    with unresponsive() as address, make_proxy(raw_backend, 'http') as proxy:
        client, backend = join(proxy, raw_backend)
        proxy.set_backend(address)
        assert backend.recv() == b''
        proxy.set_behavior('error', code=503)
        other = RawBackend()
        proxy.set_backend(other.address)
        other.accept()
        client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        assert client.recv_until(b'\r\n').startswith(b'HTTP/1.1 503 ')
        other.close()


class TestSeveralAddresses:
    """A name may stand for several: they are tried in their order."""

    def proxy(self, backend: RawBackend, *others: tuple[int, tuple[str, int]], timeout: float = TIMEOUT) -> Proxy:
        proxy = make_proxy(backend, timeout=timeout).start()

        def put_in_front(server: ProxyServer) -> None:
            server.resolver.addresses[:0] = others

        inside(proxy, put_in_front)
        return proxy

    def test_the_first_refuses(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        refusing = (socket.AF_INET6, ('::1', 9)), (socket.AF_INET, ('127.0.0.1', 9))
        with_two = self.proxy(raw_backend, *refusing)
        for _ in range(3):
            join(with_two, raw_backend)
        with_two.stop()
        assert warnings(caplog) == []

    def test_the_first_does_not_answer(self, raw_backend: RawBackend) -> None:
        """The second is tried beside it after a moment, long before the time-out."""
        with unresponsive() as address:
            host, _, port = address.partition(':')
            proxy = self.proxy(raw_backend, (socket.AF_INET, (host, int(port))), timeout=100 * TIMEOUT)
            began = monotonic()
            join(proxy, raw_backend)
            assert monotonic() - began >= ATTEMPT_DELAY
            proxy.stop()

    def test_two_that_do_not_answer_cost_a_moment_each(self, raw_backend: RawBackend) -> None:
        with unresponsive() as first, unresponsive() as second:
            slow = [(socket.AF_INET, (HOST, int(address.rpartition(':')[2]))) for address in (first, second)]
            proxy = self.proxy(raw_backend, *slow, timeout=100 * TIMEOUT)
            began = monotonic()
            client, backend = join(proxy, raw_backend)
            client.send(b'hello')
            assert backend.recv_exactly(5) == b'hello'
            assert monotonic() - began >= 2 * ATTEMPT_DELAY
            proxy.stop()

    def test_the_first_is_of_a_kind_that_this_machine_does_not_know(
        self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture
    ) -> None:
        proxy = self.proxy(raw_backend, (UNKNOWN_FAMILY, ('::1', 9)))
        join(proxy, raw_backend)
        proxy.stop()
        assert warnings(caplog) == []

    def test_all_refuse(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        proxy = self.proxy(raw_backend, (socket.AF_INET, ('127.0.0.1', 9)))
        raw_backend.listener.close()
        meet_a_reset(proxy)
        proxy.stop()
        assert len(warnings(caplog)) == 1
