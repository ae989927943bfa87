"""Requests that are swallowed."""

from __future__ import annotations

import pytest
import redis
import requests

from tests.behaviors.clients import curl, http_session, redis_client
from tests.behaviors.talk import LANGUAGES, connect, make_proxy
from tests.behaviors.waiting import eventually
from tests.peers import RawBackend
from tests.servers import INDEX, LARGE, Server
from vaurien import Proxy

#: Seconds that a client waits for a reply that never comes.
PATIENCE = 0.1

every_protocol = pytest.mark.parametrize('protocol', LANGUAGES)


@every_protocol
def test_says_nothing_and_asks_nothing(raw_backend: RawBackend, protocol: str) -> None:
    request = LANGUAGES[protocol].request(1)
    with make_proxy(raw_backend, protocol, 'hang') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        for _ in range(3):
            client.send(request)
            assert client.is_silent(PATIENCE / 3)
        assert backend.is_silent(PATIENCE / 3)
        assert proxy.status()['links']['open'] == 1
        client.close()
        assert backend.recv() == b''
        eventually(lambda: proxy.status()['links']['open'] == 0)


@every_protocol
def test_is_let_go_when_another_is_armed(raw_backend: RawBackend, protocol: str) -> None:
    with make_proxy(raw_backend, protocol, 'hang') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(LANGUAGES[protocol].request(1))
        eventually(lambda: proxy.status()['faults'])
        proxy.set_behavior('delay')
        assert client.recv_all() == b''
        assert backend.recv_all() == b''


def test_swallows_uploads_of_any_size(nginx: Server) -> None:
    """The client can send all of it, and then waits."""
    with Proxy(nginx.address, 'http', behavior='hang') as proxy, connect(proxy) as client:
        client.send(b'PUT /upload/hang HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % len(LARGE))
        client.send(LARGE)
        assert client.is_silent(PATIENCE)


def test_clients_give_up(nginx: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='hang') as proxy, http_session(proxy.address.port) as session:
        with pytest.raises(requests.ReadTimeout):
            session.get('/', timeout=PATIENCE)
        assert curl(proxy.address.port, '/', '--max-time', str(PATIENCE)).returncode == 28  # CURLE_OPERATION_TIMEDOUT
        eventually(lambda: proxy.status()['links'] == {'open': 0, 'total': 2})
        proxy.set_behavior('dummy')
        assert session.get('/').content == INDEX


def test_the_driver_gives_up_and_comes_again(redis_server: Server) -> None:
    proxy = Proxy(redis_server.address, 'redis')
    with proxy, redis_client(proxy.address.port, socket_timeout=5 * PATIENCE) as client:
        with proxy.with_behavior('hang'), pytest.raises(redis.TimeoutError):
            client.incr('hang')
        assert client.get('hang') is None
