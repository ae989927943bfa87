"""Memcached: an error in a run of quiet commands, of a server and made up."""

from __future__ import annotations

import pytest

from tests.peers import Peer
from tests.servers import HOST, Server
from vaurien import Proxy


def flight(port: int, before: bytes, flags: bytes) -> bytes:
    """Return all replies to a quiet command with these *flags*, and others around it, in one flight."""
    with Peer.connect(port, HOST) as peer:
        peer.send(b'%bms truth:a 1 q%b\r\nx\r\nmn\r\nmg truth:b v\r\nmn\r\nquit\r\n' % (before, flags))
        return peer.recv_all()


@pytest.mark.parametrize('before', [b'', b'mg truth:c q\r\n'], ids=['alone', 'behind another'])
def test_a_run_has_its_error_and_its_terminator(memcached: Server, before: bytes) -> None:
    """Clients read up to the reply to ``mn``."""
    real = flight(memcached.port, before, flags=b' MX')
    message, end, rest = real.partition(b'\r\n')
    assert rest == b'MN\r\nEN\r\nMN\r\n'
    with Proxy(memcached.address, 'memcache') as proxy:
        proxy.set_behavior('error', times=1, message=message.decode())
        assert flight(proxy.address.port, before, flags=b'') == message + end + rest
