"""Errors that stop."""

from __future__ import annotations

import pytest
import redis

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.talk import LANGUAGES, connect, make_proxy, talking
from tests.servers import Server
from vaurien import Proxy
from vaurien.behaviors.error import Error
from vaurien.behaviors.transient import Transient
from vaurien.errors import OptionError


def test_some_errors_and_then_none(nginx: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='transient') as proxy, http_session(proxy.address.port) as session:
        assert [session.get('/').status_code >= 500 for _ in range(8)] == 3 * [True] + 5 * [False]
        assert proxy.status()['faults'] == {'transient': 3}
        assert proxy.status()['links']['total'] == 1


def test_the_driver_sees_it_pass(redis_server: Server) -> None:
    with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
        proxy.set_behavior('transient', agitate=2)
        for _ in range(2):
            with pytest.raises(redis.ResponseError, match='injected by vaurien'):
                client.incr('transient')
        assert client.incr('transient') == 1


def test_counts_over_all_connections_from_when_it_was_armed() -> None:
    language = LANGUAGES['redis']
    with talking('redis') as backend, make_proxy(backend, 'redis') as proxy:
        for _ in range(2):
            proxy.set_behavior('transient', agitate=2)
            for _ in range(2):
                with connect(proxy) as client:
                    client.send(language.request(1))
                    language.read_error(client)
            with connect(proxy) as client:
                client.send(language.request(1))
                assert client.recv_exactly(len(language.reply(1))) == language.reply(1)


def test_options_of_error_apply(nginx: Server) -> None:
    options = {'transient': {'agitate': 2, 'warmup': 2, 'code': 418}}
    proxy = Proxy(nginx.address, 'http', behavior='transient', options=options)
    with proxy, http_session(proxy.address.port) as session:
        assert [session.get('/').status_code for _ in range(6)] == [200, 200, 418, 418, 200, 200]


def test_injects_some_times() -> None:
    language = LANGUAGES['tcp']
    with talking('tcp') as backend:
        proxy = make_proxy(backend, 'tcp', 'transient', agitate=1, inject=True)
        with proxy, connect(proxy) as client:
            client.send(language.request(1))
            assert len(client.recv_exactly(107)) == 107
            client.send(language.request(2))
            assert client.recv_exactly(7) == language.reply(2)


def test_options() -> None:
    assert Transient.resolve({}) == Error.resolve({}) | {'agitate': 3}
    with pytest.raises(OptionError, match='>= 1, got 0'):
        Transient.resolve({'agitate': 0})
