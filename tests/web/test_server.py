"""The HTTP server, for clients that are late, malformed or endless: tested as the server of the control API.

So this tests `vaurien.control.server`, too.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from time import monotonic
from typing import Any, cast

import pytest

from tests.control.fake import FakeProxies, FakeProxy, ServedProxy
from tests.engine.test_listener import lose_clients
from tests.peers import Peer
from tests.servers import TIMEOUT
from vaurien.address import Address
from vaurien.control import server as server_module
from vaurien.control.server import MAX_CLIENTS, ControlServer
from vaurien.errors import StartError
from vaurien.settings import ONLY
from vaurien.web import wsgi_handler

REQUEST = b'GET /behavior HTTP/1.1\r\nHost: localhost\r\n\r\n'
LAST = b'GET /behavior HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
PUT = b'PUT /behavior HTTP/1.1\r\nHost: localhost\r\n'


@pytest.fixture(autouse=True)
def stderr(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Fail the test if anything is written to the standard error, such as a traceback."""
    yield
    assert capfd.readouterr().err == ''


def send(served: ServedProxy, data: bytes) -> Peer:
    peer = Peer.connect(served.address.port)
    peer.send(data)
    return peer


def answers(served: ServedProxy) -> bool:
    """Return whether a well-behaved client is served."""
    with send(served, LAST) as peer:
        return peer.recv_all().endswith(b'{"behavior":"dummy","options":{}}')


@pytest.mark.parametrize(
    'data',
    [
        b'\r\n\r\n',
        b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
        b'GET\r\n\r\n',
        b'GET /behavior HTTP/3.0\r\n\r\n',
        b'GET /behavior HTTP/1\r\n\r\n',
        b'GET /behavior HTTP/x.y\r\n\r\n',
        PUT + b'Content-Length: x\r\n\r\n',
        PUT + b'Content-Length: -1\r\n\r\n',
        b'GET /behavior HTTP/1.1\r\n' + b'X: y\r\n' * 101 + b'\r\n',
        b'GET /behavior HTTP/1.1\r\nX: ' + b'y' * 70_000 + b'\r\n\r\n',
    ],
    ids=lambda data: repr(data[-24:]),
)
def test_refuses_malformed_requests(served: ServedProxy, data: bytes) -> None:
    with send(served, data) as peer:
        answer = peer.recv_all()
    assert answer.startswith(b'HTTP/1.1 400 ')
    assert answer.endswith(
        b'{"status":"error","errors":[{"location":"header","name":"","description":"malformed HTTP"}]}'
    )
    assert answers(served)


@pytest.mark.parametrize(
    'body',
    [b'x\r\n', b'5\r\n{}', b'2\r\n{}xx', b'ffffffffffffffffff\r\n', b'2\r\n{}\r\n0\r\n(bad): trailer\r\n\r\n'],
)
def test_refuses_malformed_chunks(served: ServedProxy, body: bytes) -> None:
    with send(served, PUT + b'Transfer-Encoding: chunked\r\n\r\n' + body) as peer:
        peer.shut_down()
        answer = peer.recv_all()
    assert answer.startswith(b'HTTP/1.1 400 ')
    assert b'did not arrive whole' in answer
    assert served.proxy.told == []
    assert answers(served)


def test_refuses_a_line_without_end(served: ServedProxy) -> None:
    with send(served, b'GET /' + b'x' * 10_000) as peer:
        assert peer.recv_all().startswith(b'HTTP/1.1 414 ')
    assert answers(served)


def test_answers_on_one_connection_and_pipelined(served: ServedProxy) -> None:
    with send(served, REQUEST + REQUEST + LAST) as peer:
        assert peer.recv_all().count(b'{"behavior":"dummy","options":{}}') == 3


def test_a_body_where_none_is_expected_is_not_the_next_request(served: ServedProxy) -> None:
    with send(served, REQUEST[:-2] + b'Content-Length: %d\r\n\r\n' % len(REQUEST) + REQUEST + LAST) as peer:
        assert peer.recv_all().count(b'HTTP/1.1 200 ') == 2


def test_an_upgrade_is_not_waited_for(served: ServedProxy) -> None:
    with send(
        served, PUT + b'Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 16\r\n\r\n{"name": "hang"}'
    ) as p:
        assert p.recv_until(b'\r\n') == b'HTTP/1.1 200 OK\r\n'


def test_asks_for_a_body_that_is_offered(served: ServedProxy) -> None:
    with send(served, PUT + b'Expect: 100-continue\r\nContent-Length: 16\r\nConnection: close\r\n\r\n') as peer:
        assert peer.recv_until(b'\r\n\r\n') == b'HTTP/1.1 100 Continue\r\n\r\n'
        peer.send(b'{"name": "hang"}')
        assert peer.recv_all().endswith(b'{"status":"ok"}')


def test_does_not_ask_for_a_body_that_it_refuses(served: ServedProxy) -> None:
    head = b'PUT /nowhere HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'
    with send(served, head) as peer:
        assert peer.recv_until(b'\r\n') == b'HTTP/1.1 404 Not Found\r\n'


@pytest.mark.parametrize('head', [PUT, b'GET /behavior HTTP/1.1\r\nHost: localhost\r\n'], ids=['PUT', 'GET'])
def test_reads_no_endless_body(served: ServedProxy, head: bytes) -> None:
    with send(served, head + b'Content-Length: 1000000000000\r\n\r\n') as peer, pytest.raises(ConnectionError):
        peer.send(bytes(100_000_000))
    assert served.proxy.told == []
    assert answers(served)


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'G',
        b'GET /behavior HTTP/1.1\r\n',
        b'GET /behavior HTTP/1.1\r\nHost: loc',
        PUT + b'Content-Length: 16\r\n\r\n{"name"',
        PUT + b'Transfer-Encoding: chunked\r\n\r\n2',
    ],
    ids=repr,
)
class TestLateClients:
    """Clients that stop in the middle of a request."""

    def test_they_keep_nobody_waiting(self, served: ServedProxy, data: bytes) -> None:
        with ExitStack() as stack:
            for _ in range(MAX_CLIENTS // 2):
                stack.enter_context(send(served, data))
            assert answers(served)

    def test_they_are_given_up(self, served: ServedProxy, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(wsgi_handler, 'CLIENT_TIMEOUT', 0.05)
        with send(served, data) as peer:
            peer.recv_all()  # to its end, which comes
        assert served.proxy.told == []
        assert answers(served)

    def test_they_may_leave(self, served: ServedProxy, data: bytes) -> None:
        send(served, data).reset()
        with send(served, data) as peer:
            peer.shut_down()
            peer.recv_all()
        assert served.proxy.told == []
        assert answers(served)

    def test_they_do_not_keep_it_from_stopping(self, data: bytes) -> None:
        with ExitStack() as stack:
            with ServedProxy(FakeProxy()) as served:
                peer = stack.enter_context(send(served, data))
                assert answers(served)
            with pytest.raises(ConnectionRefusedError), socket.create_connection(served.address, TIMEOUT):
                pass
            with suppress(ConnectionError):
                peer.recv_all()

    def test_they_shut_nobody_out(self, served: ServedProxy, data: bytes) -> None:
        """However many there are: the one that was idle for the longest time has to leave."""
        with ExitStack() as stack:
            late = [stack.enter_context(send(served, data)) for _ in range(2 * MAX_CLIENTS)]
            assert answers(served)
            with suppress(ConnectionError):
                late[0].recv_all()  # to its end, which comes
            assert late[-1].is_silent(0.05)


@pytest.mark.parametrize('data', [b'GET /', PUT + b'X: ', PUT + b'Content-Length: 9999\r\n\r\n{'], ids=repr)
def test_a_client_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(wsgi_handler, 'HEAD_TIMEOUT', 0.2)
    monkeypatch.setattr(wsgi_handler, 'LINGER_TIMEOUT', 0.0)
    monkeypatch.setattr(ControlServer, 'body_timeout', 0.2)
    with ServedProxy(FakeProxy()) as served:
        with send(served, data) as peer, suppress(ConnectionError):
            deadline = monotonic() + TIMEOUT
            while peer.is_silent(0.02):
                assert monotonic() < deadline
                peer.send(b'x')
        assert served.proxy.told == []
        assert answers(served)


def test_a_client_that_was_just_answered_stays(served: ServedProxy) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(send(served, b''))
        for _ in range(MAX_CLIENTS - 8):
            stack.enter_context(send(served, b''))
        assert answers(served)  # so all that came before have been accepted
        first.send(REQUEST)
        first.recv_until(b'{"behavior":"dummy","options":{}}')
        for _ in range(MAX_CLIENTS // 2):
            stack.enter_context(send(served, b''))
        assert answers(served)
        first.send(LAST)
        assert first.recv_all().endswith(b'{"behavior":"dummy","options":{}}')


def test_an_answer_is_not_lost_because_a_long_body_is_not_read(served: ServedProxy) -> None:
    body = bytes(900_000)
    with send(served, PUT + b'Connection: close\r\nContent-Length: %d\r\n\r\n' % len(body) + body) as peer:
        assert peer.recv_all().startswith(b'HTTP/1.1 413 ')


def test_what_goes_wrong_outside_the_application_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: object, start_response: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(server_module, 'make_app', lambda proxy, guard: app)
    with ServedProxy(FakeProxy()) as served, send(served, LAST) as peer:
        assert peer.recv_all().startswith(b'HTTP/1.1 500 ')
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_client_that_is_lost_before_it_is_accepted_is_no_error(
    served: ServedProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = lose_clients(monkeypatch, errno.ECONNABORTED, socket.socket)
    assert answers(served)
    assert errors == []


def test_tells_where_it_listens(served: ServedProxy) -> None:
    assert served.address.host == '127.0.0.1'
    assert served.address.port > 0


def test_listens_on_ipv6() -> None:
    with ServedProxy(FakeProxy(), '::1') as served:
        assert served.url == f'http://[::1]:{served.address.port}'
        with Peer.connect(served.address.port, '::1') as peer:
            peer.send(LAST.replace(b'localhost', b'[::1]'))
            assert peer.recv_all().startswith(b'HTTP/1.1 200 ')


def test_an_address_in_use_is_an_error(served: ServedProxy) -> None:
    with pytest.raises(OSError, match='in use'):
        ControlServer(cast(Any, FakeProxies({ONLY: served.proxy})), served.address).start()


def test_before_its_start_there_is_no_address() -> None:
    control = ControlServer(cast(Any, FakeProxies({ONLY: FakeProxy()})), Address('localhost', 0))
    control.stop()
    with pytest.raises(StartError):
        control.address  # noqa: B018
