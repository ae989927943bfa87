"""Late requests and late replies."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from unittest.mock import Mock

import pytest
import redis
import requests

from tests.arming import UNAIMED
from tests.behaviors.clients import curl, http_session, redis_client
from tests.behaviors.talk import connect, make_proxy
from tests.peers import RawBackend
from tests.servers import INDEX, LARGE, TIMEOUT, Server
from vaurien import Proxy
from vaurien.behaviors.delay import Delay
from vaurien.errors import OptionError
from vaurien.protocols.tcp import TCP

#: Seconds; long against what a loopback takes.
LATE = 0.15
#: Seconds; longer than anything is waited for here.
FOR_EVER = 100 * TIMEOUT
#: Seconds that a clock may be off.
CLOCK = 0.002

before_or_after = pytest.mark.parametrize('before', [True, False])


def test_the_request_waits(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'tcp', 'delay', sleep=LATE) as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        began = monotonic()
        client.send(b'hello')
        assert backend.recv_exactly(5) == b'hello'
        assert monotonic() - began > LATE - CLOCK


def test_the_request_does_not_wait_for_a_late_reply(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'tcp', 'delay', sleep=FOR_EVER, before=False) as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(b'hello')
        assert backend.recv_exactly(5) == b'hello'
        backend.send(b'world')
        assert client.is_silent(LATE)


def test_the_reply_is_held_back(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'tcp', 'delay', sleep=LATE, before=False) as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(b'hello')
        assert backend.recv_exactly(5) == b'hello'
        began = monotonic()
        backend.send(b'world')
        assert client.recv_exactly(5) == b'world'
        assert monotonic() - began > LATE - CLOCK


def test_the_backends_own_time_comes_before(raw_backend: RawBackend) -> None:
    """The delay is added to the time that the backend takes."""
    with make_proxy(raw_backend, 'redis', 'delay', sleep=LATE, before=False) as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(b'PING\r\n')
        assert client.is_silent(2 * LATE)
        replied = monotonic()
        backend.send(b'+PONG\r\n')
        assert client.recv_until(b'\r\n') == b'+PONG\r\n'
        assert monotonic() - replied > LATE - CLOCK


def test_nothing_is_held_back_for_a_reply_that_never_comes(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'http', 'delay', sleep=LATE, before=False) as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        backend.recv_until(b'\r\n\r\n')
        backend.close()
        assert client.recv_all() == b''


def test_an_interim_response_is_not_late(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'http', 'delay', sleep=FOR_EVER, before=False) as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(b'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
        backend.recv_until(b'\r\n\r\n')
        backend.send(b'HTTP/1.1 100 Continue\r\n\r\n')
        assert client.recv_until(b'\r\n\r\n') == b'HTTP/1.1 100 Continue\r\n\r\n'
        client.send(b'body')
        assert backend.recv_exactly(4) == b'body'
        backend.send(b'HTTP/1.1 204 No Content\r\n\r\n')
        assert client.is_silent(LATE)


@before_or_after
def test_only_once_for_each_request(nginx: Server, before: bool) -> None:
    options = {'delay': {'sleep': LATE, 'before': before}}
    with Proxy(nginx.address, 'http', behavior='delay', options=options) as proxy:
        with http_session(proxy.address.port) as session:
            for _ in range(2):
                began = monotonic()
                assert session.get('/large').content == LARGE
                assert LATE - CLOCK < monotonic() - began < TIMEOUT, 'many times that if each chunk were late'
        status = proxy.status()
        assert (status['links']['total'], status['faults']) == (1, {'delay': 2})


@before_or_after
def test_large_messages_arrive_whole(redis_server: Server, before: bool) -> None:
    value = LARGE[: 3 * 1024 * 1024]
    with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
        with proxy.with_behavior('delay', sleep=LATE, before=before):
            assert client.set('delay', value)
            assert client.get('delay') == value
        assert proxy.status()['faults'] == {'delay': 2}


@before_or_after
def test_uploads_arrive_whole(nginx: Server, before: bool) -> None:
    options = {'delay': {'sleep': LATE, 'before': before}}
    proxy = Proxy(nginx.address, 'http', behavior='delay', options=options)
    with proxy, http_session(proxy.address.port) as session:
        assert session.put('/upload/delay', LARGE).ok
        assert session.get('/upload/delay').content == LARGE


def test_is_nobody_elses(echo_server: RawBackend) -> None:
    """Twenty clients wait at the same time, and not one after the other."""
    with make_proxy(echo_server, 'tcp', 'delay', sleep=LATE) as proxy:
        clients = [connect(proxy) for _ in range(20)]
        began = monotonic()
        for client in clients:
            client.send(b'x')
        for client in clients:
            with client:
                assert client.recv_exactly(1) == b'x'
        assert LATE - CLOCK < monotonic() - began < 20 * LATE


def test_clients_lose_their_patience(nginx: Server, redis_server: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='delay') as proxy, http_session(proxy.address.port) as session:
        with pytest.raises(requests.ReadTimeout):
            session.get('/', timeout=LATE)
        assert curl(proxy.address.port, '/', '--max-time', str(LATE)).returncode == 28  # CURLE_OPERATION_TIMEDOUT
    with (
        Proxy(redis_server.address, 'redis') as proxy,
        redis_client(proxy.address.port, socket_timeout=3 * LATE) as client,
    ):
        proxy.set_behavior('delay')
        with pytest.raises(redis.TimeoutError):
            client.get('x')


def test_nothing_is_late_by_no_time(nginx: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='delay', options={'delay': {'sleep': 0}}) as proxy:
        with http_session(proxy.address.port) as session:
            assert session.get('/').content == INDEX
        assert proxy.status()['faults'] == {'delay': 1}


def test_each_wait_is_drawn(raw_backend: RawBackend, tmp_path: Path) -> None:
    table = tmp_path / 'delays.txt'
    table.write_text(f'{LATE}s\n')
    with make_proxy(raw_backend, 'tcp', f"delay(sleep='table({table})')") as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        began = monotonic()
        client.send(b'hello')
        assert backend.recv_exactly(5) == b'hello'
        assert monotonic() - began > LATE - CLOCK
        rules = proxy.status()['behaviors']
        assert [rule['options']['sleep'] for rule in rules] == [f'table({table})']
        proxy.set_behavior('delay', sleep='uniform(min=0, max=10ms)')
        client.send(b'again')
        assert backend.recv_exactly(5) == b'again'
        assert proxy.faults()[-1].options['sleep'] == 'uniform(min=0, max=10ms)'


@before_or_after
def test_the_exchange_has_its_own_wait(before: bool) -> None:
    """It depends on nothing but what the exchange is given as chance, which the seed repeats."""
    delay, protocol = Delay(Delay.resolve({'sleep': 'lognormal(p50=1s, p99=9s)', 'before': before})), TCP()

    def wait(chance: str) -> float:
        end = Mock()
        protocol.begin_fault(b'', chance)
        assert delay.on_before_handle(protocol, end, end, True)
        delay.on_between_handle(protocol, end, end, True)
        (seconds,) = end.sleep.call_args.args
        assert end.sleep.call_count == 1
        return float(seconds)

    waits = [wait(f'1/1/{exchange}') for exchange in range(20)]
    assert waits == [wait(f'1/1/{exchange}') for exchange in range(20)]
    assert len(set(waits)) == 20


def test_options() -> None:
    assert Delay.resolve({}) == {'sleep': 1.0, 'before': True, **UNAIMED}
    assert Delay.resolve({'sleep': '0.5', 'before': 'no'}, text=True) == {'sleep': 0.5, 'before': False, **UNAIMED}


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ({'sleep': -0.1}, '>= 0.0, got -0.1'),
        ({'sleep': float('nan')}, 'got nan'),
        ({'before': 1}, 'expected bool, got 1'),
    ],
)
def test_wrong_options(given: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Delay.resolve(given)
