"""Connections that close, with nothing sent."""

from __future__ import annotations

import pytest
import redis
import requests

from tests.behaviors.clients import curl, http_session, redis_client
from tests.behaviors.talk import LANGUAGES, connect, make_proxy
from tests.peers import RawBackend
from tests.servers import INDEX, LARGE, Server
from vaurien import Proxy


@pytest.mark.parametrize('protocol', LANGUAGES)
def test_nothing_is_sent_either_way(raw_backend: RawBackend, protocol: str) -> None:
    with make_proxy(raw_backend, protocol, 'blackout') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(LANGUAGES[protocol].request(1))
        assert client.recv_all() == b''
        assert backend.recv_all() == b''
        assert proxy.status()['links'] == {'open': 0, 'total': 1}


def test_earlier_requests_of_a_pipeline_get_their_replies(raw_backend: RawBackend) -> None:
    language = LANGUAGES['redis']
    with make_proxy(raw_backend, 'redis') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(language.request(1))
        backend.recv_exactly(len(language.request(1)))
        proxy.set_behavior('blackout')
        client.send(language.request(2))
        assert client.is_silent(0.02)
        backend.send(language.reply(1))
        assert client.recv_all() == language.reply(1)
        assert backend.recv_all() == b''


def test_clients_are_disconnected(nginx: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='blackout') as proxy, http_session(proxy.address.port) as session:
        with pytest.raises(requests.ConnectionError, match='closed connection without response'):
            session.get('/')
        with pytest.raises(requests.ConnectionError):
            session.put('/upload/blackout', LARGE)
        assert curl(proxy.address.port, '/').returncode == 52  # CURLE_GOT_NOTHING
        proxy.set_behavior('dummy')
        assert session.get('/').content == INDEX
        assert session.get('/upload/blackout').status_code == 404


def test_the_driver_is_disconnected(redis_server: Server) -> None:
    with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
        with proxy.with_behavior('blackout'), pytest.raises(redis.ConnectionError, match='closed by server'):
            client.incr('blackout')
        assert client.get('blackout') is None
