"""Cables that are pulled, and plugged in again."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from random import Random

import pytest

from tests.behaviors.doors import lively, try_to_connect
from tests.behaviors.talk import connect
from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST, LARGE, TIMEOUT, Server
from vaurien import Client, Proxy, native
from vaurien.engine import cable
from vaurien.engine.link import Link

#: Seconds of silence.
A_MOMENT = 0.05


@pytest.fixture(params=['with all means', 'without privileges'])
def _privileges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may set all options of a socket, or only those that every process may."""
    if request.param == 'without privileges':
        monkeypatch.setattr(cable, '_SO_ATTACH_FILTER', -1)
        monkeypatch.setattr(cable, '_SO_DETACH_FILTER', -1)
        monkeypatch.setattr(cable, '_TCP_REPAIR', -1)


@pytest.mark.usefixtures('_privileges')
@pytest.mark.parametrize('protocol', ['tcp', 'redis'])
def test_silence_on_both_sides_and_nothing_is_lost(raw_backend: RawBackend, protocol: str) -> None:
    with Proxy(raw_backend.address, protocol) as proxy, connect(proxy) as client:
        client.send(b'PING\r\n')
        backend = raw_backend.accept()
        assert backend.recv_exactly(6) == b'PING\r\n'
        with proxy.with_behavior('unplug'):
            client.send(b'PING\r\n')
            backend.send(b'+PONG\r\n')
            assert client.is_silent(A_MOMENT)
            assert backend.is_silent(A_MOMENT)
            assert proxy.links()[0]['behavior'] == 'unplug'
            assert try_to_connect(proxy.address.port) == 'no answer'
        assert client.recv_exactly(7) == b'+PONG\r\n'
        assert backend.recv_exactly(6) == b'PING\r\n'
        backend.send(b'+PONG\r\n')
        assert client.recv_exactly(7) == b'+PONG\r\n'
        assert try_to_connect(proxy.address.port) == 'connected'


@pytest.mark.usefixtures('_privileges')
def test_no_end_passes(raw_backend: RawBackend) -> None:
    with Proxy(raw_backend.address) as proxy, connect(proxy) as client:
        client.send(b'hello')
        backend = raw_backend.accept()
        assert backend.recv_exactly(5) == b'hello'
        with proxy.with_behavior('unplug'):
            backend.close()
            assert client.is_silent(A_MOMENT)
        assert client.recv() == b''


@pytest.mark.parametrize('has_pump', [False, True])
def test_an_end_for_a_backend_that_has_gone(
    raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch, has_pump: bool
) -> None:
    """It closes its link when the cable is plugged in again. Those of the others are, too."""
    for option in ('_SO_ATTACH_FILTER', '_SO_DETACH_FILTER', '_TCP_REPAIR'):  # else the reset does not come in
        monkeypatch.setattr(cable, option, -1)
    if not has_pump:
        monkeypatch.setattr(native, 'make_pump', lambda *args: None)
    with Proxy(raw_backend.address) as proxy, connect(proxy) as client:
        proxy.add_toxic('slow_close', stream='upstream', delay=50)
        backend = raw_backend.accept()
        with connect(proxy) as other:
            other.send(b'hello')
            echoing = raw_backend.accept()
            assert echoing.recv_exactly(5) == b'hello'
            client.shut_down()
            eventually(lambda: look_into(proxy, lambda link: link.up.ended))
            with proxy.with_behavior('unplug'):
                eventually(lambda: look_into(proxy, lambda link: link.up.finished))
                backend.reset()
            with pytest.raises(ConnectionResetError):
                client.recv()
            echoing.send(b'hello')
            assert other.recv_exactly(5) == b'hello'
            assert [link['id'] for link in proxy.links()] == [2]


def look_into(proxy: Proxy, look: Callable[[Link], bool]) -> bool:
    """Return what *look* returns for the first link, called where the proxy runs."""
    return proxy._thread.call(lambda server: look(server.links[1]))


@pytest.mark.usefixtures('_privileges')
def test_in_the_middle_of_a_long_transfer(raw_backend: RawBackend) -> None:
    """Spliced, and with more on its way than the client has taken."""
    data = Random(1).randbytes(32 * 1024 * 1024)

    def answer(peer: Peer) -> None:
        assert peer.recv() == b'go'
        peer.send(data)

    with Proxy(raw_backend.address) as proxy, connect(proxy) as client:
        client.send(b'go')
        raw_backend.serve(answer)
        received = bytearray(client.recv_exactly(1024 * 1024))
        with proxy.with_behavior('unplug'):
            while not client.is_silent(A_MOMENT):  # what had reached the client before is all
                received += client.recv()
            assert len(received) < len(data)
        received += client.recv_exactly(len(data) - len(received))
        assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()


def test_the_peer_is_not_even_acknowledged(echo_server: RawBackend) -> None:
    """Where the process may (CAP_NET_ADMIN), as that of the tests may."""
    with Proxy(echo_server.address) as proxy, lively(proxy) as client:
        with proxy.with_behavior('unplug'):
            client.send(b'again')
            eventually(lambda: count_retransmissions(client.sock))
        assert client.recv_exactly(5) == b'again'


def count_retransmissions(sock: socket.socket) -> int:
    """Return how many segments were sent again: ``tcpi_total_retrans`` of ``struct tcp_info`` (linux/tcp.h)."""
    return int.from_bytes(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[100:104], 'little')


def test_some_connections_of_many(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, seed=1) as proxy:
        clients = [connect(proxy) for _ in range(20)]
        for client in clients:
            client.send(b'hello')
            assert client.recv_exactly(5) == b'hello'
        proxy.set_behavior('50:unplug')
        late = [connect(proxy) for _ in range(20)]
        for client in (*clients, *late):
            client.send(b'again')
        for some in (clients, late):
            silent = [client for client in some if client.is_silent(0.02)]
            assert 3 < len(silent) < 17
        proxy.set_behavior('dummy')
        for client in (*clients, *late):
            assert client.recv_exactly(5) == b'again'
            client.close()


def test_the_clients_at_one_address(echo_server: RawBackend) -> None:
    with (
        Proxy(echo_server.address) as proxy,
        lively(proxy) as near,
        Peer(socket.create_connection(proxy.address, TIMEOUT, ('127.0.0.2', 0))) as far,
    ):
        far.send(b'hello')
        assert far.recv_exactly(5) == b'hello'
        with proxy.with_behavior('unplug', client='127.0.0.2'):
            for client in (near, far):
                client.send(b'again')
            assert near.recv_exactly(5) == b'again'
            assert far.is_silent(A_MOMENT)
            assert try_to_connect(proxy.address.port) == 'connected'
        assert far.recv_exactly(5) == b'again'


def test_who_stops_the_proxy_ends_the_connections(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address) as proxy, lively(proxy) as client:
        proxy.set_behavior('unplug')
        proxy.stop()
        assert client.recv() == b''


@pytest.mark.usefixtures('_privileges')
def test_the_proxy_can_be_enabled_again(echo_server: RawBackend) -> None:
    """While a connection that was unplugged, and is the client's now, still has its port."""
    with Proxy(echo_server.address) as proxy, lively(proxy) as client:
        with proxy.with_behavior('unplug'):
            client.send(b'again')
            assert client.is_silent(A_MOMENT)
        assert client.recv_exactly(5) == b'again'
        proxy.disable()
        proxy.enable()
        with lively(proxy):
            assert client.recv() == b''


def test_an_idle_timeout_does_not_end_them(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, idle_timeout=0.3) as proxy, lively(proxy) as client:
        proxy.set_behavior('unplug')
        assert client.is_silent(1)
        assert proxy.status()['links']['open'] == 1


def test_by_command_and_over_the_api(vaurien_command: StartCommand, nginx: Server) -> None:
    command = vaurien_command('--backend', nginx.address, '--protocol', 'http', '--http')
    with Peer.connect(command.port, HOST) as client:
        ask = b'GET /large HTTP/1.1\r\nHost: backend\r\n\r\n'
        client.send(ask)
        client.recv_until(b'\r\n\r\n')
        assert client.recv_exactly(len(LARGE)) == LARGE
        with Client(port=command.control_port).with_behavior('unplug'):
            client.send(ask)
            assert client.is_silent(A_MOMENT)
        client.recv_until(b'\r\n\r\n')
        assert client.recv_exactly(len(LARGE)) == LARGE
    assert 'Traceback' not in command.stop()[2]
