"""Replies that come slowly."""

from __future__ import annotations

from time import monotonic

import pytest
import redis
import requests

from tests.behaviors.clients import curl, http_session, redis_client
from tests.behaviors.talk import connect
from tests.peers import RawBackend
from tests.servers import INDEX, LARGE, Server
from vaurien import Proxy
from vaurien.behaviors.dribble import INTERVAL
from vaurien.errors import OptionError

#: Seconds that a clock may be off.
CLOCK = 0.002


def test_takes_its_time_in_small_pieces(raw_backend: RawBackend) -> None:
    """The reply is there, and goes on at 10,000 bytes a second: in pieces, none of which comes before its time."""
    body = LARGE[:3000]
    with Proxy(raw_backend.address, 'http') as proxy:
        proxy.set_behavior('dribble', rate=10)
        with connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            backend.recv_until(b'\r\n\r\n')
            began = monotonic()
            backend.send(b'HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n' + body)
            got, pieces = b'', 0
            while not got.endswith(body):
                got += client.recv()
                pieces += 1
                assert monotonic() - began >= len(got) / 10_000 - CLOCK
            assert pieces > 1
            # The next one is as fast as ever.
            proxy.set_behavior('dummy')
            client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            backend.recv_until(b'\r\n\r\n')
            backend.send(b'HTTP/1.1 204 No Content\r\n\r\n')
            assert client.recv_until(b'\r\n\r\n').startswith(b'HTTP/1.1 204')


def test_a_byte_at_a_time(raw_backend: RawBackend) -> None:
    """Where a byte takes longer than a piece may, there is one in each."""
    with Proxy(raw_backend.address, 'tcp') as proxy, connect(proxy) as client:
        proxy.set_behavior('dribble', rate='15B/s')
        backend = raw_backend.accept()
        client.send(b'ping')
        backend.recv_exactly(4)
        began = monotonic()
        backend.send(b'pong')
        assert [client.recv() for _ in range(4)] == [b'p', b'o', b'n', b'g']
        assert monotonic() - began >= 4 / 15 - CLOCK
        assert INTERVAL < 1 / 15


def test_clients_lose_patience_or_not(nginx: Server, redis_server: Server) -> None:
    """A timeout for each read does not see it; one for the whole does."""
    with Proxy(nginx.address, 'http', behavior='dribble', options={'dribble': {'rate': '300B/s'}}) as proxy:
        with http_session(proxy.address.port) as session:
            assert session.get('/', timeout=0.6).content == INDEX
            with pytest.raises(requests.ReadTimeout):
                session.get('/', timeout=0.01)
        assert curl(proxy.address.port, '/large', '--max-time', '0.3').returncode == 28  # CURLE_OPERATION_TIMEDOUT
    with Proxy(redis_server.address, 'redis') as proxy:
        port = proxy.address.port
        with redis_client(port, socket_timeout=0.5) as client:
            client.set('dribble', 'x' * 100)
            proxy.set_behavior('dribble', match='GET dribble', rate='1B/s')
            with pytest.raises(redis.TimeoutError):
                client.get('dribble')
            client.connection_pool.disconnect()
            proxy.set_behavior('dribble', match='GET dribble', rate='10KB/s')
            assert client.get('dribble') == b'x' * 100


@pytest.mark.parametrize('rate', [0, -1, 'fast', '50KB'])
def test_what_is_refused(nginx: Server, rate: object) -> None:
    with Proxy(nginx.address, 'http') as proxy, pytest.raises(OptionError, match=r'dribble\.rate: expected'):
        proxy.set_behavior('dribble', rate=rate)
