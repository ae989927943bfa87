"""Behaviors on what is peculiar to Redis; drivers are in `test_drivers` and `tests/truth`."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest

from tests.peers import Peer
from tests.servers import HOST, Server
from vaurien import Proxy

SUBSCRIPTIONS = {
    'SUBSCRIBE a b': b'>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n',
    'PSUBSCRIBE *': b'>3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n',
    'SSUBSCRIBE a': b'>3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n',
    'UNSUBSCRIBE': b'>3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n',
}


@pytest.mark.parametrize('command', SUBSCRIPTIONS)
class TestSubscriptionsOfRESP3:
    """Its confirmations are pushes; behaviors treat them as the reply that they are."""

    @pytest.fixture
    def proxy(self, redis_server: Server) -> Iterator[Proxy]:
        with Proxy(redis_server.address, 'redis') as proxy:
            yield proxy

    @pytest.fixture
    def peer(self, proxy: Proxy) -> Iterator[Peer]:
        with Peer.connect(proxy.address.port, HOST) as peer:
            peer.send(b'HELLO 3\r\nECHO hello\r\n')
            peer.recv_until(b'hello\r\n')
            yield peer

    @pytest.mark.parametrize('before', [True, False])
    def test_delay(self, proxy: Proxy, peer: Peer, command: str, before: bool) -> None:
        with proxy.with_behavior('delay', match=f'{command.split()[0]}*', sleep=0.1, before=before):
            begin = monotonic()
            peer.send(f'{command}\r\nPING\r\n'.encode())
            first = peer.recv_exactly(1)
            assert monotonic() - begin >= 0.1
            assert first + peer.recv_until(b'PONG\r\n') == SUBSCRIPTIONS[command] + b'+PONG\r\n'

    def test_order(self, proxy: Proxy, peer: Peer, command: str) -> None:
        with proxy.with_behavior('error', match='GET'):
            peer.send(f'{command}\r\nGET\r\n'.encode())
            error = b'-ERR injected by vaurien\r\n'
            assert peer.recv_until(error) == SUBSCRIPTIONS[command] + error

    def test_hang(self, proxy: Proxy, peer: Peer, command: str) -> None:
        proxy.set_behavior('hang', match=f'{command.split()[0]}*')
        peer.send(f'PING\r\n{command}\r\nPING\r\n'.encode())
        peer.shut_down()
        assert peer.recv_all() == b'+PONG\r\n'

    def test_abort(self, proxy: Proxy, peer: Peer, command: str) -> None:
        proxy.set_behavior('abort', match=f'{command.split()[0]}*')
        peer.send(f'{command}\r\n'.encode())
        assert peer.recv_all() == b''


@pytest.mark.parametrize('in_one_flight', [True, False])
def test_no_later_command_is_tracked_in_the_place_of_one_that_failed(redis_server: Server, in_one_flight: bool) -> None:
    """CLIENT CACHING is for the next command alone, which has failed."""
    said = [
        *(b'CLIENT TRACKING ON OPTIN\r\n', b'CLIENT CACHING YES\r\n', b'GET tracked:a\r\n', b'GET tracked:b\r\n'),
        b'SET tracked:b 1\r\nECHO done\r\n',
    ]
    proxy = Proxy(redis_server.address, 'redis', behavior="error(match='GET tracked:a')")
    with proxy, Peer.connect(proxy.address.port, HOST) as peer:
        peer.send(b'DEL tracked:b\r\nHELLO 3\r\nECHO hello\r\n')
        peer.recv_until(b'hello\r\n')
        if in_one_flight:
            peer.send(b''.join(said))
        else:
            for piece in said[:-1]:
                peer.send(piece)
                peer.recv_until(b'\r\n')
            peer.send(said[-1])
        assert b'invalidate' not in peer.recv_until(b'done\r\n')
        assert proxy.status()['faults'] == {'error': 1}


def test_the_transaction_of_a_user_who_may_run_no_script_fails(redis_server: Server) -> None:
    """It is a script that makes an error come at EXEC."""
    with Peer.connect(redis_server.port, HOST) as admin:
        admin.send(b'ACL SETUSER unscripted reset on nopass ~* &* +@all -@scripting\r\n')
        assert admin.recv_until(b'\r\n') == b'+OK\r\n'
    proxy = Proxy(redis_server.address, 'redis', behavior="error(match='INCR *', message=WRONGTYPE)")
    with proxy, Peer.connect(proxy.address.port, HOST) as peer:
        peer.send(b'AUTH unscripted x\r\nMULTI\r\nINCR unscripted:a\r\nEXEC\r\n')
        seen = peer.recv_until(b'previous errors.\r\n').split(b'\r\n')
    assert [line.split()[0] for line in seen if line] == [b'+OK', b'+OK', b'-WRONGTYPE', b'-EXECABORT']
