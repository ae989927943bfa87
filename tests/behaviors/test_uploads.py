"""Requests of HTTP whose body is still on its way when something goes wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.behaviors.talk import HEAD_END, connect, make_proxy
from tests.behaviors.waiting import eventually
from tests.peers import Peer, RawBackend, pour
from tests.servers import Server
from vaurien import Proxy
from vaurien.engine import end

#: How a body is announced, its first part, and the rest.
BODIES = {
    'length': (b'Content-Length: 6\r\n', b'abc', b'def'),
    'chunked': (b'Transfer-Encoding: chunked\r\n', b'3\r\nabc\r\n', b'3\r\ndef\r\n0\r\nTrailer: x\r\n\r\n'),
    'all of it is missing': (b'Content-Length: 6\r\n', b'', b'abcdef'),
    'within a line': (b'Transfer-Encoding: chunked\r\n', b'3\r\nabc\r\n0\r\nTrai', b'ler: x\r\n\r\n'),
    'within a chunk': (b'Transfer-Encoding: chunked\r\n', b'1000\r\nabc', bytes(4093) + b'\r\n0\r\n\r\n'),
    'large': (b'Content-Length: 8000000\r\n', b'abc', bytes(7999997)),
}
GET = b'GET /ok HTTP/1.1\r\nHost: x\r\n\r\n'
LARGE_HEAD = b'POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n'
EXPECTING = b'POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n'

every_body = pytest.mark.parametrize('body', BODIES)


def make_head(body: str, *fields: bytes) -> bytes:
    """Return the head of a request with that body."""
    return b''.join([b'POST /1 HTTP/1.1\r\nHost: x\r\n', BODIES[body][0], *fields, b'\r\n'])


def read_response(client: Peer) -> tuple[int, bytes]:
    """Read a response with a length; return its status and its head."""
    head = client.recv_until(HEAD_END)
    client.recv_exactly(int(head.partition(b'Content-Length: ')[2].partition(b'\r\n')[0]))
    return int(head[9:12]), head


@pytest.fixture
def proxy(nginx: Server) -> Iterator[Proxy]:
    """Run a proxy that refuses one request with 503."""
    options = {'error': {'code': 503, 'times': 1}}
    with Proxy(nginx.address, 'http', behavior='error', options=options) as proxy:
        yield proxy


class TestError:
    """Tests that a refused request is answered at once, and that the rest of it harms nothing."""

    @every_body
    def test_the_connection_stays(self, proxy: Proxy, body: str) -> None:
        _, first, rest = BODIES[body]
        with connect(proxy) as client:
            client.send(make_head(body) + first)
            status, head = read_response(client)
            assert (status, b'Connection' in head) == (503, False)
            client.send(rest + GET + GET)
            assert [read_response(client)[0] for _ in range(2)] == [200, 200]
        assert proxy.status()['exchanges'] == 3

    @every_body
    def test_the_backend_sees_nothing_of_it(self, raw_backend: RawBackend, body: str) -> None:
        _, first, rest = BODIES[body]
        with make_proxy(raw_backend, 'http', 'error', times=1) as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(make_head(body) + first)
            read_response(client)
            client.send(rest + GET)
            assert backend.recv_exactly(len(GET)) == GET

    def test_those_behind_it_have_their_turn(self, proxy: Proxy) -> None:
        """The next requests come in the same packet as the end of the body."""
        proxy.set_behavior('error', code=503, times=2)
        head, (_, first, rest) = make_head('chunked'), BODIES['chunked']
        with connect(proxy) as client:
            client.send(head + first)
            assert read_response(client)[0] == 503
            client.send(rest + head + first + rest + GET)
            assert [read_response(client)[0] for _ in range(2)] == [503, 200]

    def test_old_and_kept_alive(self, proxy: Proxy) -> None:
        with connect(proxy) as client:
            client.send(b'POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 6\r\n\r\nabc')
            assert b'\r\nConnection: keep-alive\r\n' in read_response(client)[1]
            client.send(b'def' + GET)
            assert read_response(client)[0] == 200

    @pytest.mark.parametrize(
        ('options', 'head'),
        [
            ({'code': 413}, LARGE_HEAD),
            ({'code': 408}, LARGE_HEAD),
            ({'code': 503, 'headers': {'connection': 'Close'}}, LARGE_HEAD),
            ({'code': 503}, LARGE_HEAD.replace(b'Host: x', b'Connection: close')),
            ({'code': 503}, LARGE_HEAD.replace(b'HTTP/1.1', b'HTTP/1.0')),
            ({'code': 503}, LARGE_HEAD.replace(b'Host: x', b'Expect: 100-continue')),
        ],
    )
    def test_it_closes(self, proxy: Proxy, options: dict[str, Any], head: bytes) -> None:
        """The client can send on for a while: a reset would cost it the reply."""
        proxy.set_behavior('error', **options)
        with connect(proxy) as client:
            client.send(head)
            client.send(bytes(8_000_000))
            status, response = read_response(client)
            assert (status, response.count(b'\r\nConnection: close\r\n')) == (options['code'], 1)
            assert client.recv() == b''
            client.send(bytes(8_000_000))
            assert proxy.status()['links']['open'] == 1
        eventually(lambda: proxy.status()['links']['open'] == 0)

    @pytest.mark.parametrize('code', [503, 413])
    def test_who_falls_silent_is_not_waited_for(self, proxy: Proxy, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(end, 'SILENCE', 0.02)
        proxy.set_behavior('error', code=code)
        with connect(proxy) as client:
            client.send(LARGE_HEAD + b'abc')
            assert read_response(client)[0] == code
            assert client.recv() == b''
            eventually(lambda: proxy.status()['links']['open'] == 0)

    @pytest.mark.parametrize('code', [503, 413])
    def test_who_never_ends_is_not_listened_to_for_ever(
        self, proxy: Proxy, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(end, 'LINGER', 0.02)
        proxy.set_behavior('error', code=code)
        with connect(proxy) as client:
            head = b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
            pour(client, head, b'2000\r\n' + bytes(0x2000) + b'\r\n')
        eventually(lambda: proxy.status()['links']['open'] == 0)

    @pytest.mark.parametrize('code', [503, 413])
    def test_disarmed_meanwhile(self, proxy: Proxy, code: int) -> None:
        proxy.set_behavior('error', code=code)
        with connect(proxy) as client:
            client.send(make_head('length'))
            assert read_response(client)[0] == code
            proxy.set_behavior('dummy')
            client.send(b'abcdef' + GET)
            if code == 503:
                assert read_response(client)[0] == 200
            else:
                assert client.recv_all() == b''

    def test_the_client_leaves(self, proxy: Proxy) -> None:
        with connect(proxy) as client:
            client.send(make_head('length') + b'abc')
            client.shut_down()
            assert read_response(client)[0] == 503
            assert client.recv_all() == b''

    def test_the_backend_leaves(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http', 'error') as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(make_head('length') + b'abc')
            read_response(client)
            backend.close()
            client.send(b'def')
            assert client.recv_all() == b''

    def test_a_body_that_makes_no_sense(self, raw_backend: RawBackend) -> None:
        """Nobody knows where the next request begins, and the backend has not seen this one."""
        with make_proxy(raw_backend, 'http', 'error', times=1) as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(make_head('chunked') + b'3\r\nabc\r\n')
            read_response(client)
            client.send(b'no chunk\r\n' + GET)
            with suppress(ConnectionError):
                client.recv_all()
            assert backend.recv_all() == b''

    @pytest.mark.parametrize(
        'request_',
        [
            b'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n',
            b'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
        ],
    )
    def test_the_connection_goes_on_in_http(self, proxy: Proxy, request_: bytes) -> None:
        """Whoever is refused a tunnel, or another protocol, goes on with requests."""
        with connect(proxy) as client:
            client.send(request_)
            assert read_response(client)[0] == 503
            proxy.set_behavior('error', code=500, match='GET /ok')
            client.send(b'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n')
            assert client.recv_until(HEAD_END).startswith(b'HTTP/1.1 200 ')
            client.send(GET)
            assert read_response(client)[0] == 500


class TestOthers:
    """Tests the behaviors that let the request pass, or never answer it."""

    @pytest.mark.parametrize('name', ['hang', 'blackout'])
    @pytest.mark.parametrize('head', [EXPECTING, LARGE_HEAD + b'abc'])
    def test_nobody_asks_for_the_rest(self, raw_backend: RawBackend, name: str, head: bytes) -> None:
        with make_proxy(raw_backend, 'http', name) as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(head)
            if name == 'hang':
                assert client.is_silent(0.02)
                client.shut_down()
            assert client.recv_all() == b''
            assert backend.recv_all() == b''

    @pytest.mark.parametrize(
        ('name', 'options'), [('delay', {'sleep': 0.0, 'before': False}), ('error', {'inject': True}), ('abort', {})]
    )
    def test_the_reply_begins_before_the_request_has_ended(
        self, raw_backend: RawBackend, name: str, options: dict[str, Any]
    ) -> None:
        """The client sends more when it has seen some of the reply, which goes on meanwhile."""
        head = make_head('chunked')
        with make_proxy(raw_backend, 'http', name, **options) as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(head + b'3\r\nabc\r\n')
            backend.recv_until(b'abc\r\n')
            backend.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nABC\r\n')
            if name == 'abort':
                assert client.recv_all() == b''
                return
            assert client.recv_exactly(10)
            client.recv_until(b'ABC\r\n') if name == 'delay' else client.recv()
            client.send(b'0\r\n\r\n')
            backend.recv_until(b'0\r\n\r\n')
            backend.send(b'0\r\n\r\n')
            client.recv_until(b'0\r\n\r\n')
            proxy.set_behavior('dummy')
            client.send(GET)
            assert backend.recv_exactly(len(GET)) == GET

    @pytest.mark.parametrize(('name', 'options'), [('delay', {'sleep': 0.0, 'before': False}), ('abort', {})])
    def test_asking_for_the_rest_is_no_reply(self, raw_backend: RawBackend, name: str, options: dict[str, Any]) -> None:
        """The interim response comes in two pieces."""
        with make_proxy(raw_backend, 'http', name, **options) as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(EXPECTING)
            backend.recv_until(HEAD_END)
            backend.send(b'HTTP/1.1 1')
            assert client.is_silent(0.02)
            backend.send(b'00 Continue\r\n\r\n')
            assert client.recv_until(HEAD_END) == b'HTTP/1.1 100 Continue\r\n\r\n'
            client.send(b'abcdef')
            assert backend.recv_exactly(6) == b'abcdef'
