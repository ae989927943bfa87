"""Errors in place of replies, and noise inside them."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from tests.arming import UNAIMED
from tests.behaviors.clients import curl, http_session, redis_client
from tests.behaviors.talk import HEAD_END, LANGUAGES, connect, make_proxy, talking
from tests.peers import Peer, RawBackend
from tests.servers import HOST, INDEX, LARGE, TIMEOUT, Server
from vaurien import Proxy
from vaurien.behaviors.error import Error
from vaurien.errors import OptionError
from vaurien.protocols import Protocol
from vaurien.protocols.error_answer import NOISE_BYTES
from vaurien.protocols.error_options import OPTIONS

CODES = {500, 501, 502, 503}
#: What errors of any protocol are made of.
PARTS = list(OPTIONS.merged())
UPLOAD = LARGE[: 5 * 1024 * 1024]


@contextmanager
def failing(backend: Server | RawBackend, protocol: str = 'http', seed: int = 1, **options: Any) -> Iterator[Proxy]:
    """Run a proxy in front of *backend* that answers with nothing but errors."""
    with Proxy(backend.address, protocol, behavior='error', options={'error': options}, seed=seed) as proxy:
        yield proxy


def read_response(client: Peer) -> tuple[bytes, bytes]:
    """Read a response with a length; return its head and its body."""
    head = client.recv_until(HEAD_END)
    return head, client.recv_exactly(int(head.partition(b'Content-Length: ')[2].partition(b'\r\n')[0]))


class TestHTTP:
    """Tests a response of status 500 to 503, or of a status that was chosen."""

    def test_any_of_four_statuses_on_one_connection(self, nginx: Server) -> None:
        with failing(nginx) as proxy, http_session(proxy.address.port) as session:
            responses = [session.get('/') for _ in range(40)]
            assert {response.status_code for response in responses} == CODES
            for response in responses:
                assert response.text == f'{response.status_code} {response.reason}, injected by vaurien\n'
                assert response.headers['Content-Type'] == 'text/plain; charset=utf-8'
            assert proxy.status()['links']['total'] == 1
            proxy.set_behavior('dummy')
            assert session.get('/').content == INDEX
            assert proxy.status()['links']['total'] == 1

    def test_the_backend_is_not_asked(self, raw_backend: RawBackend) -> None:
        with failing(raw_backend) as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(LANGUAGES['http'].request(1))
            read_response(client)
            assert backend.is_silent(0.02)

    @pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'LIST'])
    def test_well_formed_for_every_method(self, nginx: Server, method: str) -> None:
        with failing(nginx, code=503) as proxy:
            connection = http.client.HTTPConnection(HOST, proxy.address.port, timeout=TIMEOUT)
            for _ in range(2):
                connection.request(method, '/', body=b'body' if method.startswith('P') else None)
                response = connection.getresponse()
                assert response.status == 503
                assert response.version == 11
                assert bool(response.read()) == (method != 'HEAD')
                assert response.isclosed()
            connection.close()
            assert proxy.status()['links']['total'] == 1

    def test_behind_a_request_that_few_know(self, nginx: Server) -> None:
        """Of a client for Vault, or one that sends its target as UTF-8."""
        with failing(nginx, code=503, match='GET /v1/secret') as proxy, connect(proxy) as client:
            for line in (b'LIST /v1/metadata', 'GET /v1/café'.encode()):
                client.send(line + b' HTTP/1.1\r\nHost: x\r\n\r\n')
                assert b' 503 ' not in read_response(client)[0]
                client.send(b'GET /v1/secret HTTP/1.1\r\nHost: x\r\n\r\n')
                assert b' 503 ' in read_response(client)[0]

    @pytest.mark.parametrize(
        ('head', 'stays'),
        [
            (b'GET / HTTP/1.1\r\nHost: x\r\n', True),
            (b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n', False),
            (b'GET / HTTP/1.0\r\n', False),
            (b'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n', True),
            (b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n', True),
            (b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n', False),
        ],
    )
    def test_the_connection_stays_if_the_request_lets_it(self, nginx: Server, head: bytes, stays: bool) -> None:
        request = head + b'\r\n' + (b'body' if b'POST' in head else b'')
        with failing(nginx) as proxy, connect(proxy) as client:
            client.send(request)
            response, _ = read_response(client)
            assert (b'Connection: close' in response) != stays
            if stays:
                client.send(request)
                read_response(client)
            else:
                assert client.recv_all() == b''

    def test_what_comes_after_the_head_does_not_close(self, nginx: Server) -> None:
        """Neither a body that looks like a header nor the next request of a pipeline closes the connection."""
        body = b'\nConnection: close\r\nExpect: 100-continue\r\n'
        request = b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b' % (len(body), body)
        with failing(nginx) as proxy, connect(proxy) as client:
            client.send(request + b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            assert b'Connection: close' not in read_response(client)[0]
            assert b'Connection: close' in read_response(client)[0]
            assert client.recv_all() == b''

    def test_pipelined_replies_stay_in_order(self) -> None:
        language = LANGUAGES['http']
        with talking('http') as backend, make_proxy(backend, 'http', '50:error') as proxy, connect(proxy) as client:
            client.send(b''.join(language.request(number) for number in range(40)))
            asked = []
            for number in range(40):
                head, body = read_response(client)
                if head.startswith(b'HTTP/1.1 200'):
                    assert body == b'%02d' % number
                    asked.append(language.request(number))
            assert backend.asked == asked
            assert proxy.status()['faults'] == {'error': 40 - len(asked)}

    def test_after_the_upload_was_read(self, nginx: Server) -> None:
        with failing(nginx) as proxy, http_session(proxy.address.port) as session:
            assert session.put('/upload/error', UPLOAD).status_code in CODES
            assert session.post('/', iter([UPLOAD, UPLOAD])).status_code in CODES
            assert session.post('/', UPLOAD, headers={'Connection': 'close'}).status_code in CODES
            proxy.set_behavior('dummy')
            assert session.get('/upload/error').status_code == 404

    @pytest.mark.parametrize('expect', ['Expect: 100-continue', 'Expect:'])
    def test_curl_uploads(self, nginx: Server, tmp_path: Any, expect: str) -> None:
        body = tmp_path / 'body'
        body.write_bytes(UPLOAD)
        with failing(nginx, code=502) as proxy:
            run = curl(proxy.address.port, '/', '--header', expect, '--data-binary', f'@{body}')
        assert (run.returncode, run.stdout) == (0, b'502 Bad Gateway, injected by vaurien\n\n502')

    def test_a_client_with_a_password_is_asked_for_it(self, nginx: Server) -> None:
        with failing(nginx, code=401, times=1) as proxy:
            assert curl(proxy.address.port, '/ok', '--anyauth', '--user', 'ada:secret').stdout.endswith(b'ok\n\n200')
            assert proxy.status()['behaviors'][0]['hits'] == 1

    def test_who_expects_100_is_answered_at_once(self, nginx: Server) -> None:
        with failing(nginx) as proxy, connect(proxy) as client:
            client.send(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n')
            head, _ = read_response(client)
            assert int(head.split()[1]) in CODES
            assert b'Connection: close' in head
            assert client.recv_all() == b''

    @pytest.mark.parametrize(('code', 'reason'), [(400, 'Bad Request'), (429, 'Too Many Requests'), (599, 'Unknown')])
    def test_a_chosen_status(self, nginx: Server, code: int, reason: str) -> None:
        with failing(nginx, code=code) as proxy, http_session(proxy.address.port) as session:
            response = session.get('/')
            assert (response.status_code, response.reason) == (code, reason)


class TestRedis:
    """Tests ``-ERR``."""

    def test_the_driver_raises_and_goes_on(self, redis_server: Server) -> None:
        with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
            identity = client.client_id()
            with proxy.with_behavior('error'):
                for _ in range(3):
                    with pytest.raises(redis.ResponseError, match='injected by vaurien'):
                        client.incr('error')
                with pytest.raises(redis.ResponseError):
                    client.set('error', UPLOAD)
            assert client.get('error') is None
            assert client.client_id() == identity

    def test_in_a_pipeline_each_gets_its_own(self, redis_server: Server) -> None:
        with Proxy(redis_server.address, 'redis', seed=1) as proxy, redis_client(proxy.address.port) as client:
            proxy.set_behavior('50:error')
            pipeline = client.pipeline(transaction=False)
            for number in range(200):
                pipeline.echo(str(number))
            replies = pipeline.execute(raise_on_error=False)
            failed = [reply for reply in replies if isinstance(reply, redis.ResponseError)]
            passed = [(number, reply) for number, reply in enumerate(replies) if isinstance(reply, bytes)]
            assert passed == [(number, b'%d' % number) for number, _ in passed]
            assert len(failed) + len(passed) == 200
            assert proxy.status()['faults'] == {'error': len(failed)}
            assert 70 < len(failed) < 130

    def test_under_resp3(self, redis_server: Server) -> None:
        with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port, protocol=3) as client:
            with proxy.with_behavior('error'), pytest.raises(redis.ResponseError, match='injected by vaurien'):
                client.hgetall('error')
            assert client.hgetall('error') == {}


class TestTCP:
    """Tests a thousand random bytes."""

    def test_in_place_of_the_reply(self) -> None:
        language = LANGUAGES['tcp']
        with talking('tcp') as backend, make_proxy(backend, 'tcp', 'error') as proxy, connect(proxy) as client:
            client.send(language.request(1))
            first = client.recv_exactly(1000)
            client.send(language.request(2))
            assert client.recv_exactly(1000) != first
            proxy.set_behavior('dummy')
            client.send(language.request(3))
            assert client.recv_exactly(len(language.reply(3))) == language.reply(3)
            assert backend.asked == [language.request(3)]


class TestInject:
    """Tests a hundred random bytes in the middle of the real reply."""

    @pytest.mark.parametrize('protocol', LANGUAGES)
    def test_just_there(self, protocol: str) -> None:
        language = LANGUAGES[protocol]
        reply = language.reply(1)
        middle = len(reply) // 2
        with talking(protocol) as backend, make_proxy(backend, protocol, 'error', inject=True) as proxy:
            with connect(proxy) as client:
                client.send(language.request(1))
                noisy = client.recv_exactly(len(reply) + NOISE_BYTES)
                assert noisy[:middle] + noisy[middle + NOISE_BYTES :] == reply
                proxy.set_behavior('dummy')
                client.send(language.request(2))
                assert client.recv_exactly(len(language.reply(2))) == language.reply(2)
            assert len(backend.asked) == 2

    def test_once_in_a_large_reply(self, redis_server: Server) -> None:
        reply = b'$%d\r\n%b\r\n' % (len(UPLOAD), UPLOAD)
        with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as other:
            other.set('inject', UPLOAD)
            proxy.set_behavior('error', inject=True)
            with connect(proxy) as client:
                client.send(b'GET inject\r\n')
                noisy = client.recv_exactly(len(reply) + NOISE_BYTES)
                assert client.is_silent(0.02)
        at = next(i for i, (mine, its) in enumerate(zip(noisy, reply, strict=False)) if mine != its)
        # The noise may begin as the reply goes on there.
        assert any(noisy[:i] + noisy[i + NOISE_BYTES :] == reply for i in range(at, at - 5, -1))

    def test_nothing_where_there_is_no_reply(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'tcp', 'error', inject=True) as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(b'hello')
            backend.recv_exactly(5)
            backend.close()
            assert client.recv_all() == b''

    def test_not_before_the_reply(self, raw_backend: RawBackend) -> None:
        """An interim response passes as it is."""
        language = LANGUAGES['http']
        interim = b'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
        with make_proxy(raw_backend, 'http', 'error', inject=True) as proxy, connect(proxy) as client:
            backend = raw_backend.accept()
            client.send(language.request(1))
            backend.recv_exactly(len(language.request(1)))
            backend.send(interim + language.reply(1))
            assert client.recv_exactly(len(interim)) == interim
            assert client.recv_exactly(len(language.reply(1)) + NOISE_BYTES).startswith(b'HTTP')

    def test_the_driver_stumbles(self, redis_server: Server) -> None:
        # With the noise of another seed the driver may wait for more instead, until its timeout.
        with Proxy(redis_server.address, 'redis', seed=1) as proxy, redis_client(proxy.address.port) as client:
            proxy.set_behavior('error', inject=True)
            with pytest.raises((redis.RedisError, ValueError)):
                client.incr('inject-number')


class TestWarmup:
    """Tests that some exchanges pass first."""

    def test_counts_over_all_connections_from_when_it_was_armed(self, nginx: Server) -> None:
        with failing(nginx, code=500, warmup=3) as proxy:
            for total in (3, 6):
                statuses = []
                for _ in range(5):
                    with http_session(proxy.address.port) as session:
                        statuses.append(session.get('/').status_code)
                assert statuses == [200, 200, 200, 500, 500]
                assert proxy.status()['faults'] == {'error': 2 * total // 3}
                proxy.set_behavior('error', code=500, warmup=3)

    def test_of_noise(self) -> None:
        language = LANGUAGES['tcp']
        with (
            talking('tcp') as backend,
            failing(backend, 'tcp', inject=True, warmup=1) as proxy,
            connect(proxy) as client,
        ):
            client.send(language.request(1))
            assert client.recv_exactly(7) == language.reply(1)
            client.send(language.request(2))
            assert len(client.recv_exactly(107)) == 107


class TestSeed:
    """Tests that the same seed gives the same errors and the same bytes."""

    def statuses(self, nginx: Server, seed: int) -> list[int]:
        with failing(nginx, seed=seed) as proxy, http_session(proxy.address.port) as session:
            return [session.get('/').status_code for _ in range(20)]

    def noise(self, seed: int, **options: Any) -> bytes:
        language = LANGUAGES['tcp']
        with talking('tcp') as backend, failing(backend, 'tcp', seed, **options) as proxy, connect(proxy) as client:
            client.send(language.request(1))
            return client.recv_exactly(107)

    def test_statuses(self, nginx: Server) -> None:
        assert self.statuses(nginx, 7) == self.statuses(nginx, 7)
        assert self.statuses(nginx, 7) != self.statuses(nginx, 8)

    @pytest.mark.parametrize('inject', [True, False])
    def test_bytes(self, inject: bool) -> None:
        assert self.noise(7, inject=inject) == self.noise(7, inject=inject)
        assert self.noise(7, inject=inject) != self.noise(8, inject=inject)


class TestOptions:
    """Tests the values of the options."""

    def test_defaults(self) -> None:
        own = {'inject': False, 'after': None, 'close': None, 'alert': None, 'plain': None, 'warmup': 0}
        defaults = {**dict.fromkeys(PARTS), **UNAIMED, **own}
        assert Error.resolve({}) == defaults

    @pytest.mark.parametrize('code', [400, 599, None])
    def test_codes(self, code: int | None) -> None:
        assert Error.resolve({'code': code})['code'] == code

    @pytest.mark.parametrize(
        ('given', 'said'),
        [
            ({'code': 399}, 'code: expected int >= 400, got 399'),
            ({'errno': 0}, 'errno: expected int >= 1, got 0'),
            ({'sqlstate': '4000'}, "sqlstate: expected str matching regex '^[0-9A-Z]{5}$', got '4000'"),
            ({'code': 600}, 'code: expected int <= 599, got 600'),
            ({'code': 'x'}, "code: expected int, got 'x'"),
            ({'message': 'two\nlines'}, "message: expected str matching regex '^[ -~]+$', got 'two\\nlines'"),
            ({'reason': ''}, "reason: expected str matching regex '^[ -~]+$', got ''"),
            ({'retry_after': -1}, 'retry_after: expected int >= 0, got -1'),
            ({'headers': {'A B': 'c'}}, "headers: expected Name: value instead of 'A B: c', got {'A B': 'c'}"),
            (
                {'headers': {'A': 'b\r\nC: d'}},
                "headers: expected Name: value instead of 'A: b\\r\\nC: d', got {'A': 'b\\r\\nC: d'}",
            ),
            (
                {'headers': {'content-length': '1'}},
                "headers: content-length cannot be chosen, got {'content-length': '1'}",
            ),
            (
                {'headers': 'Connection: upgrade'},
                "headers: connection cannot be chosen, unless it is close, got 'Connection: upgrade'",
            ),
            ({'headers': 7}, 'headers: expected names and values, got 7'),
            ({'warmup': -1}, 'warmup: expected int >= 0, got -1'),
            ({'inject': 'x'}, "inject: expected bool, got 'x'"),
        ],
    )
    def test_mistakes(self, given: dict[str, object], said: str) -> None:
        with pytest.raises(OptionError) as caught:
            Error.resolve(given)
        assert str(caught.value) == said

    @pytest.mark.parametrize(
        ('protocol', 'takes'),
        [
            ('tcp', set()),
            ('http', {'code', 'reason', 'headers', 'body', 'retry_after'}),
            ('redis', {'message'}),
            ('memcache', {'message'}),
            ('mysql', {'errno', 'sqlstate', 'message'}),
            ('postgres', {'sqlstate', 'message'}),
            ('smtp', {'code', 'message', 'at_once', 'recipient'}),
        ],
    )
    def test_what_a_protocol_does_not_take_is_refused(self, protocol: str, takes: set[str]) -> None:
        language = Protocol.get(protocol)
        values = {'code': 503, 'retry_after': 1, 'errno': 1205, 'sqlstate': '40001', **dict.fromkeys(PARTS, 'x')}
        for part in PARTS:
            if part in takes:
                Error.check_protocol({part: values[part]}, language)
            else:
                with pytest.raises(OptionError, match=f'^{part}: errors of {protocol} have ') as caught:
                    Error.check_protocol({part: values[part]}, language)
                assert caught.value.path == part
        with pytest.raises(OptionError, match='errors of'):
            Proxy('localhost:1', protocol, behavior='error', options={'error': {'errno': 1, 'code': 500}}).start()
