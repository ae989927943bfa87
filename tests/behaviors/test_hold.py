"""Requests that are held until somebody decides."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import time
from typing import Any
from unittest.mock import Mock

import pytest
import requests

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.talk import LANGUAGES, TalkingBackend, connect, make_proxy, talking
from tests.behaviors.waiting import eventually
from tests.engine.talk import count_greenlets, inside
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT, Server
from vaurien import Proxy
from vaurien.engine import breakpoints
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError
from vaurien.plugins.decision import PASS
from vaurien.rules.behaviors import make_rules
from vaurien.settings import Settings
from vaurien.workers.proxy import SharedProxy

#: Seconds; longer than anything is waited for here.
FOR_EVER = 100 * TIMEOUT
#: Seconds of silence that tell that nothing comes.
A_MOMENT = 0.02

MAIL, OK = b'MAIL FROM:<x@example.com>\r\n', b'250 ok\r\n'

every_protocol = pytest.mark.parametrize('protocol', LANGUAGES)


@pytest.fixture
def backend(protocol: str) -> Iterator[TalkingBackend]:
    """Run a backend that speaks the protocol of the test."""
    with talking(protocol) as backend:
        yield backend


def holding(backend: RawBackend, protocol: str, **options: Any) -> Proxy:
    """Return a proxy that holds requests for as long as it takes."""
    return make_proxy(backend, protocol, 'hold', **{'wait': FOR_EVER, **options})


@every_protocol
def test_passes_on_a_word(backend: TalkingBackend, protocol: str) -> None:
    language = backend.language
    with holding(backend, protocol) as proxy, connect(proxy) as client:
        for number in (1, 2):
            began = time()
            client.send(language.request(number))
            held = proxy.wait_for_held(TIMEOUT)
            assert client.is_silent(A_MOMENT)
            assert len(backend.asked) == number - 1
            assert (held['id'], held['link'], held['request']) == (number, 1, language.text(number))
            assert held['client'] == f'127.0.0.1:{client.sock.getsockname()[1]}'
            assert began <= held['time'] <= time()
            assert 0 <= held['seconds'] < FOR_EVER
            assert held['seconds'] + held['left'] == pytest.approx(FOR_EVER, abs=0.002)
            proxy.decide(held['id'], 'pass')
            assert client.recv_exactly(len(language.reply(number))) == language.reply(number)
            assert proxy.held() == []


@every_protocol
def test_answers_with_an_error(backend: TalkingBackend, protocol: str) -> None:
    with holding(backend, protocol) as proxy, connect(proxy) as client:
        client.send(backend.language.request(1))
        proxy.decide(proxy.wait_for_held(TIMEOUT)['id'], 'error')
        backend.language.read_error(client)
        assert backend.asked == []


@every_protocol
def test_cuts(backend: TalkingBackend, protocol: str) -> None:
    with holding(backend, protocol) as proxy, connect(proxy) as client:
        client.send(backend.language.request(1))
        proxy.decide(proxy.wait_for_held(TIMEOUT)['id'], 'cut')
        assert client.recv_all() == b''
        assert backend.asked == []


def test_decides_about_each_on_its_own(nginx: Server) -> None:
    """The errors have the options of errors, given or written in the text."""

    def ask(number: int) -> tuple[int, bool]:
        with http_session(proxy.port) as session:
            answer = session.get(f'/?{number}')
            return answer.status_code, answer.headers.get('Connection') == 'close'

    with Proxy(nginx.address, 'http', behavior='hold(match="GET /*")') as proxy, ThreadPoolExecutor(4) as threads:
        passed, chosen, closed, cut = (threads.submit(ask, number) for number in range(4))
        eventually(lambda: len(proxy.held()) == 4)
        numbers = {one['request']: one['id'] for one in proxy.held()}
        proxy.decide(numbers['GET /?1'], 'error', code=418)
        proxy.decide(numbers['GET /?2'], 'error(code=503, close=true)')
        proxy.decide(numbers['GET /?3'], 'cut')
        eventually(lambda: [one['request'] for one in proxy.held()] == ['GET /?0'])
        proxy.decide(numbers['GET /?0'], 'pass')
        assert passed.result(TIMEOUT) == (200, False)
        assert chosen.result(TIMEOUT) == (418, False)
        assert closed.result(TIMEOUT) == (503, True)
        assert isinstance(cut.exception(TIMEOUT), requests.ConnectionError)


def test_puts_the_error_into_a_reply_for_several(raw_backend: RawBackend) -> None:
    """In LMTP the backend replies for each recipient: the request passes, and the reply is amended."""
    ada, bob = b'RCPT TO:<ada@example.com>\r\n', b'RCPT TO:<bob@example.com>\r\n'
    with holding(raw_backend, 'smtp', match='DATA') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()

        def answer(line: bytes, reply: bytes) -> None:
            assert backend.recv_until(b'\r\n') == line
            backend.send(reply)

        backend.send(b'220 lmtp.test\r\n')
        assert client.recv_until(b'\r\n') == b'220 lmtp.test\r\n'
        for line in (b'LHLO x\r\n', MAIL, ada, bob):
            client.send(line)
            answer(line, OK)
            assert client.recv_until(b'\r\n') == OK
        client.send(b'DATA\r\n')
        proxy.decide(proxy.wait_for_held(TIMEOUT)['id'], 'error', code=552, recipient='bob@example.com')
        for line in (b'RSET\r\n', MAIL, ada):
            answer(line, OK)
        answer(b'DATA\r\n', b'354 go\r\n')
        assert client.recv_until(b'\r\n') == b'354 go\r\n'
        client.send(b'hello\r\n.\r\n')
        answer(b'hello\r\n', b'')
        answer(b'.\r\n', OK)
        assert client.recv_until(b'injected by vaurien\r\n') == OK + b'552 5.3.0 injected by vaurien\r\n'


def test_passes_when_the_time_is_over(redis_server: Server) -> None:
    with Proxy(redis_server.address, 'redis', behavior='hold(wait=10ms)') as proxy:
        with redis_client(proxy.port) as client:  # which sends PING
            assert client.get('hold') is None
        assert 'hold' in proxy.status()['faults']
        assert proxy.held() == []


@every_protocol
@pytest.mark.parametrize('leave', [Peer.close, Peer.reset, Peer.shut_down])
def test_is_gone_with_its_client(backend: TalkingBackend, protocol: str, leave: Any) -> None:
    with holding(backend, protocol) as proxy:
        client = connect(proxy)
        client.send(backend.language.request(1))
        proxy.wait_for_held(TIMEOUT)
        leave(client)
        eventually(lambda: proxy.status()['links']['open'] == 0)
        assert proxy.held() == []
        assert count_greenlets(proxy) == 0
        eventually(lambda: backend.ended == 1)
        assert backend.asked == []
        client.close()


@every_protocol
@pytest.mark.parametrize('change', [lambda proxy: proxy.set_behavior('delay', match='none'), Proxy.reset])
def test_passes_when_it_is_disarmed(backend: TalkingBackend, protocol: str, change: Any) -> None:
    with make_proxy(backend, protocol) as proxy, connect(proxy) as client:
        proxy.set_behavior('hold', wait=FOR_EVER)
        client.send(backend.language.request(1))
        proxy.wait_for_held(TIMEOUT)
        change(proxy)
        assert client.recv_exactly(len(backend.language.reply(1))) == backend.language.reply(1)
        assert proxy.held() == []
        eventually(lambda: count_greenlets(proxy) == 0)


@pytest.mark.parametrize('stop', [Proxy.disable, Proxy.stop])
def test_ends_with_the_proxy(raw_backend: RawBackend, stop: Any) -> None:
    proxy = holding(raw_backend, 'redis').start()
    with connect(proxy) as client:
        client.send(LANGUAGES['redis'].request(1))
        proxy.wait_for_held(TIMEOUT)
        server = proxy._thread.server
        stop(proxy)
        assert client.recv_all() == b''
        assert not server.runtime._greenlets
        assert server.breakpoints.list() == []
    proxy.stop()


def test_passes_when_the_proxy_drains() -> None:
    """A process that stops lets open exchanges finish: nobody is asked about them any more."""
    with talking('redis') as backend, holding(backend, 'redis') as proxy, connect(proxy) as client:
        client.send(backend.language.request(1))
        proxy.wait_for_held(TIMEOUT)
        proxy._thread.call(lambda server: server.shut_down(TIMEOUT), waits=True)
        assert client.recv_all() == backend.language.reply(1)


def test_holds_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(breakpoints, 'MOST', 1)
    with talking('redis') as backend, holding(backend, 'redis') as proxy:
        first, second = connect(proxy), connect(proxy)
        with first, second:
            first.send(backend.language.request(1))
            proxy.wait_for_held(TIMEOUT)
            for number in (2, 3):
                second.send(backend.language.request(number))
                assert second.recv_exactly(len(backend.language.reply(2))) == backend.language.reply(number)
            assert [one['link'] for one in proxy.held()] == [1]
            proxy.set_behavior('dummy')
            first.recv_exactly(len(backend.language.reply(1)))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ['1 requests are held: others pass until one of them is let go']


@pytest.mark.parametrize(
    ('decision', 'options', 'message'),
    [
        ('drop', {}, "expected one of pass, error, cut, got 'drop'"),
        ('', {}, "'' has no name: expected name(option=value)"),
        ('error(code=503)', {'code': 500}, "unexpected 'code' after error(…)"),
        ('error(code=503) now', {}, "unexpected 'now' after error(…)"),
        ('pass', {'code': 503}, 'code: pass has no options'),
        ('cut(code=503)', {}, 'code: cut has no options'),
        ('error', {'code': 200}, 'code: expected int >= 400, got 200'),
        ('error', {'kode': 503}, "kode: error has no such option, did you mean 'code'?"),
        ('error', {'message': 'no'}, 'message: errors of http have no such option'),
        ('error', {'times': 1}, 'times: it is for rules, and this is one request'),
        ('error', {'inject': True}, 'inject: it is for rules, and this is one request'),
        ('pass', {}, 'no request 7 is held'),
    ],
)
def test_bad_decisions(raw_backend: RawBackend, decision: str, options: dict[str, Any], message: str) -> None:
    with make_proxy(raw_backend, 'http') as proxy, pytest.raises(ConfigError) as raised:
        proxy.decide(7, decision, **options)
    assert str(raised.value).startswith(message)


def test_is_decided_once(raw_backend: RawBackend) -> None:
    with holding(raw_backend, 'tcp') as proxy, connect(proxy) as client:
        client.send(b'hello')
        number = proxy.wait_for_held(TIMEOUT)['id']

        def decide_twice(server: ProxyServer) -> list[bool]:
            return [server.breakpoints.decide(number, PASS) for _ in range(2)]

        assert inside(proxy, decide_twice) == [True, False]
        assert raw_backend.accept().recv_exactly(5) == b'hello'


def test_says_what_was_not_held(raw_backend: RawBackend) -> None:
    with holding(raw_backend, 'redis', match='SET *') as proxy, pytest.raises(TimeoutError) as raised:
        proxy.wait_for_held(0.001)
    assert str(raised.value).startswith('no request held within 0.001 s; hold(')


def test_is_not_for_workers() -> None:
    with pytest.raises(ConfigError, match=r'^hold: workers do not tell what they hold'):
        SharedProxy(Mock(), Settings(behaviors=make_rules('hold')))
