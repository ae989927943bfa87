"""The behavior that does nothing."""

from __future__ import annotations

import pytest

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.talk import connect, make_proxy
from tests.peers import RawBackend
from tests.servers import INDEX, LARGE, Server
from vaurien import Proxy
from vaurien.behaviors.dummy import Dummy
from vaurien.errors import OptionError


def test_replies_are_the_backends(nginx: Server) -> None:
    with Proxy(nginx.address, 'http') as proxy, http_session(proxy.address.port) as session:
        assert session.get('/').content == INDEX
        assert session.get('/large').content == LARGE
        assert proxy.status()['faults'] == {}


def test_values_are_the_backends(redis_server: Server) -> None:
    value = bytes(range(256)) * 4096
    with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
        client.set('dummy', value)
        assert client.get('dummy') == value


def test_every_share_of_it_passes(echo_server: RawBackend) -> None:
    with make_proxy(echo_server, 'tcp', '60:dummy') as proxy, connect(proxy) as client:
        for number in range(20):
            client.send(b'%02d' % number)
            assert client.recv_exactly(2) == b'%02d' % number
        assert proxy.status()['faults'] == {}


def test_has_no_options() -> None:
    with pytest.raises(OptionError, match='dummy has no such option'):
        Dummy.resolve({'sleep': 1})
