"""Requests, replies and their order, with faults among them."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from random import Random
from typing import Any

import gevent
import pytest
import redis

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.waiting import eventually
from tests.engine.acting import Act, until
from tests.engine.talk import MB, PATTERN, connect, count_greenlets, inside, join, make_proxy, only_link
from tests.peers import Peer, RawBackend
from tests.servers import INDEX, LARGE, TIMEOUT, Server
from vaurien.behaviors.dummy import Dummy
from vaurien.embedded import Proxy
from vaurien.engine import held
from vaurien.engine.dispatcher import Dispatcher
from vaurien.engine.end import LinkEnd
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.traffic import PLAIN
from vaurien.plugins.end import End
from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.http import HTTP
from vaurien.protocols.mysql.login import CLIENT_MYSQL, CLIENT_PROTOCOL_41
from vaurien.protocols.redis import Redis
from vaurien.rules.selector import Ahead

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
HEAD_END = b'\r\n\r\n'


def get(path: str) -> bytes:
    return b'GET %s HTTP/1.1\r\nHost: a\r\n\r\n' % path.encode()


def command(*words: str | bytes) -> bytes:
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b'*%d\r\n' % len(parts) + b''.join(b'$%d\r\n%s\r\n' % (len(part), part) for part in parts)


UPGRADE = b'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n'
SWITCHING = b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n'
SUBSCRIBE = command('SUBSCRIBE', 'a')
SUBSCRIBED = b'*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n'


def has_received(proxy: Proxy, count: int) -> bool:
    """Whether clients' bytes are as many."""
    return bool(proxy.status()['bytes']['upstream'] == count)


def has_swallowed(proxy: Proxy, count: int) -> bool:
    """Whether a behavior has taken so many bytes of the one client's."""

    def look(server: ProxyServer) -> bool:
        up = only_link(server).up
        return up.received == count and not up.held.data

    return inside(proxy, look)


def read_response(peer: Peer) -> tuple[int, bytes]:
    """Status and body of one response."""
    head = peer.recv_until(HEAD_END)
    length = int(head.lower().partition(b'content-length:')[2].split(b'\r\n')[0])
    return int(head.split()[1]), peer.recv_exactly(length)


@contextmanager
def every_other(proxy: Proxy, name: str, *, period: int = 2, **options: Any) -> Iterator[None]:
    """Every *period*-th exchange of a link gets the behavior, and no other."""

    class Periodic:
        quiet_until = 0
        reads = False

        def __init__(self, behavior: Any) -> None:
            self.behavior = behavior

        def draw(self, exchange: int) -> Any:
            return self.behavior if exchange % period == 0 else None

        def look_ahead(self, exchange: int) -> Ahead:
            return period - 1 - exchange % period, None

    class Selecting:
        is_limited = False
        has_clients = False

        def __init__(self, behavior: Any) -> None:
            self.behavior = behavior

        def draws(self, link: int, *, is_alike: bool = False) -> Periodic:
            return Periodic(self.behavior)

        def count_quiet(self, link: int) -> int:
            return 0

    def select(server: ProxyServer) -> None:
        assert server.arming.selector is not None
        (rule, *_) = server.arming.selector.rules
        server.arming.selector = Selecting(rule)  # type: ignore[assignment]
        for link in server.links.values():
            link.rearm()

    with proxy.with_behavior(name, **options):
        inside(proxy, select)
        yield


class TestPipelines:
    """Requests sent without waiting for replies."""

    @pytest.mark.parametrize('protocol', [2, 3])
    def test_redis_replies_keep_their_order(self, redis_server: Server, protocol: int) -> None:
        with (
            make_proxy(redis_server.address, 'redis') as proxy,
            redis_client(proxy.address.port, protocol=protocol) as client,
            every_other(proxy, 'error', period=7),
        ):
            before = proxy.status()['exchanges']
            pipeline = client.pipeline(transaction=False)
            for number in range(100):
                pipeline.echo(f'{number}')
            replies = pipeline.execute(raise_on_error=False)
            for number, reply in enumerate(replies, before + 1):
                if number % 7 == 0:
                    assert isinstance(reply, redis.ResponseError)
                else:
                    assert reply == b'%d' % (number - before - 1)
            client.ping()

    def test_redis_bytes(self, redis_server: Server) -> None:
        with make_proxy(redis_server.address, 'redis') as proxy, every_other(proxy, 'error', period=3):
            client = connect(proxy)
            client.send(b''.join(command('ECHO', f'{number:02}') for number in range(1, 31)))
            for number in range(1, 31):
                reply = client.recv_until(b'\r\n')
                if number % 3:
                    reply += client.recv_until(b'\r\n')
                    assert reply == b'$2\r\n%02d\r\n' % number
                else:
                    assert reply.startswith(b'-ERR ')

    def test_http_responses_keep_their_order(self, nginx: Server) -> None:
        with make_proxy(nginx.address, 'http') as proxy, every_other(proxy, 'error', period=3):
            client = connect(proxy)
            paths = ['/', '/ok', '/unavailable', '/large'] * 5
            client.send(b''.join(map(get, paths)))
            bodies = {'/': (200, INDEX), '/ok': (200, b'ok\n'), '/unavailable': (503, b'out of order\n')}
            for number, path in enumerate(paths, 1):
                status, body = read_response(client)
                if number % 3:
                    assert (status, body) == bodies.get(path, (200, LARGE))
                else:
                    assert b'injected' in body

    @pytest.mark.parametrize(
        'last',
        [get('/ok').replace(b'Host', b'Connection: close\r\nHost'), b'GET /ok HTTP/1.0\r\n\r\n'],
        ids=['close', '1.0'],
    )
    def test_no_fault_behind_the_last_request(self, nginx: Server, last: bytes) -> None:
        for options in ({'match': 'GET /'}, {'nth': 2}):
            with (
                make_proxy(nginx.address, 'http', 'error', options={'error': options}) as proxy,
                connect(proxy) as client,
            ):
                client.send(last + get('/') + get('/'))
                assert read_response(client) == (200, b'ok\n')
                assert client.recv_all() == b''
                assert [rule['hits'] for rule in proxy.status()['behaviors']] == [0]

    def test_no_fault_where_the_backend_leaves(self, raw_backend: RawBackend) -> None:
        options = {'match': 'GET /*', 'times': 1, 'cooldown': 3600}
        with make_proxy(raw_backend, 'http', 'error', options={'error': options}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(get('*') + get('/a') + get('/b'))
            assert backend.recv_exactly(len(get('*'))) == get('*')
            last = OK.replace(b'Content', b'Connection: close\r\nContent')
            backend.send(last)
            assert backend.recv_exactly(len(get('/a') + get('/b'))) == get('/a') + get('/b')
            client.send(get('/c'))
            assert backend.recv_exactly(len(get('/c'))) == get('/c')
            backend.close()
            assert client.recv_all() == last
            assert [rule['hits'] for rule in proxy.status()['behaviors']] == [0]
            client = connect(proxy)
            client.send(get('/a'))
            assert b'injected' in read_response(client)[1]

    def test_errors_behind_late_ones(self, redis_server: Server) -> None:
        options = {'delay': {'sleep': 0}}
        with make_proxy(redis_server.address, 'redis', '30:error,30:delay', seed=1, options=options) as proxy:
            client = connect(proxy)
            client.send(b''.join(command('ECHO', f'{number:03}') for number in range(200)))
            kinds = set()
            for number in range(200):
                reply = client.recv_until(b'\r\n')
                kinds.add(reply[:1])
                if reply[:1] == b'$':
                    assert client.recv_exactly(5) == b'%03d\r\n' % number
            assert kinds == {b'$', b'-'}

    @pytest.mark.parametrize('before', [True, False])
    def test_a_late_one_keeps_its_place(self, redis_server: Server, before: bool) -> None:
        with (
            make_proxy(redis_server.address, 'redis') as proxy,
            every_other(proxy, 'delay', period=4, sleep=0.01, before=before),
        ):
            client = connect(proxy)
            client.send(b''.join(command('ECHO', f'{number:02}') for number in range(20)))
            expected = b''.join(b'$2\r\n%02d\r\n' % number for number in range(20))
            assert client.recv_exactly(len(expected)) == expected

    def test_more_than_a_link_holds_behind_a_late_one(self, raw_backend: RawBackend, act: Act) -> None:
        """The client is read on as soon as there is room, though another late one is among what was held."""
        gates = [threading.Event(), threading.Event()]
        waiting = iter(gates)
        act(lambda *args: until(next(waiting))(*args))
        large = command('ECHO', bytes(held.MAX_HELD))
        with make_proxy(raw_backend, 'redis') as proxy, every_other(proxy, 'mine', period=3):
            client, backend = join(proxy, raw_backend)
            client.send(command('PING') * 3 + large + command('PING') * 2)
            assert backend.recv_exactly(2 * len(command('PING'))) == 2 * command('PING')
            backend.send(b'+PONG\r\n' * 2)
            eventually(lambda: inside(proxy, lambda server: not only_link(server).up.reader.active))
            gates[0].set()
            expected = command('PING') + large + command('PING')
            assert backend.recv_until(b'PING\r\n') == command('PING')
            backend.send(b'+PONG\r\n')
            assert backend.recv_exactly(len(expected) - len(command('PING'))) == expected[len(command('PING')) :]
            eventually(lambda: proxy.links()[0]['behavior'] == 'mine')
            assert inside(proxy, lambda server: only_link(server).up.reader.active)
            gates[1].set()

    def test_faults_and_bodies(self, nginx: Server) -> None:
        """Bodies of requests that are refused are read over, those of others go on."""
        with make_proxy(nginx.address, 'http') as proxy, every_other(proxy, 'error', period=2):
            client = connect(proxy)
            put = b'PUT /upload/pipelined-%d HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n'
            sender = threading.Thread(
                target=lambda: client.send(b''.join(put % number + PATTERN[:300_000] for number in range(6)))
            )
            sender.start()
            statuses = [read_response(client)[0] for _ in range(6)]
            sender.join()
            assert [status in (201, 204) for status in statuses] == [True, False] * 3

    @pytest.mark.parametrize('protocol', ['redis', 'http'])
    def test_requests_cut_at_every_byte(self, request: pytest.FixtureRequest, protocol: str) -> None:
        if protocol == 'redis':
            server: Server = request.getfixturevalue('redis_server')
            data = command('ECHO', 'one') + b'ECHO two\r\n' + command('ECHO', 'six')
        else:
            server = request.getfixturevalue('nginx')
            post = b'PUT /upload/cut HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
            data = get('/ok') + post + b'3\r\nabc\r\n0\r\n\r\n' + get('/ok')
        with make_proxy(server.address, protocol) as proxy, every_other(proxy, 'error', period=2):
            sent = 0
            for cut in range(1, len(data)):
                client = connect(proxy)
                client.send(data[:cut])
                eventually(partial(has_received, proxy, sent + cut))
                client.send(data[cut:])
                sent += len(data)
                self.read_three(client, protocol)
                client.close()

    def read_three(self, client: Peer, protocol: str) -> None:
        """A reply, an error and a reply."""
        if protocol == 'redis':
            assert client.recv_exactly(9) == b'$3\r\none\r\n'
            assert client.recv_until(b'\r\n').startswith(b'-ERR ')
            assert client.recv_exactly(9) == b'$3\r\nsix\r\n'
        else:
            assert read_response(client) == (200, b'ok\n')
            assert b'injected' in read_response(client)[1]
            assert read_response(client) == (200, b'ok\n')


class TestBodies:
    """Requests and replies of any size."""

    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    def test_large_upload(self, nginx: Server, behavior: str) -> None:
        with (
            make_proxy(nginx.address, 'http', behavior, options={'delay': {'sleep': 0.01}}) as proxy,
            http_session(proxy.address.port) as session,
        ):
            data = PATTERN * 20
            assert session.put('/upload/large', data=data).status_code in (201, 204)
            assert session.get('/upload/large').content == data
            assert session.get('/large-chunked').content == LARGE

    def test_both_ways_at_once(self, raw_backend: RawBackend) -> None:
        """A backend that replies while it reads gets stuck if its reply is held back until the request has ended."""
        size = 40 * MB
        with make_proxy(raw_backend, 'http', 'delay', options={'delay': {'sleep': 0}}) as proxy:
            client, backend = join(proxy, raw_backend)
            head = b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n' % size
            sender = threading.Thread(target=lambda: client.send(head + bytes(size)), daemon=True)
            sender.start()
            assert backend.recv_until(HEAD_END) == head

            def answer() -> None:
                backend.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % size)
                left = size
                while left:
                    data = backend.recv(1024 * 1024)
                    backend.send(data)
                    left -= len(data)

            answerer = threading.Thread(target=answer, daemon=True)
            answerer.start()
            client.recv_until(HEAD_END)
            assert len(client.recv_exactly(size)) == size
            sender.join()
            answerer.join()

    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    def test_expect_continue(self, raw_backend: RawBackend, behavior: str) -> None:
        with make_proxy(raw_backend, 'http', behavior, options={'delay': {'sleep': 0.01}}) as proxy:
            client, backend = join(proxy, raw_backend)
            head = b'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n'
            client.send(head)
            assert backend.recv_exactly(len(head)) == head
            backend.send(b'HTTP/1.1 100 Continue\r\n\r\n')
            assert client.recv_until(HEAD_END) == b'HTTP/1.1 100 Continue\r\n\r\n'
            client.send(b'abc')
            assert backend.recv_exactly(3) == b'abc'
            backend.send(OK)
            assert client.recv_exactly(len(OK)) == OK

    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    def test_the_backend_leaves_while_the_client_waits_for_continue(
        self, raw_backend: RawBackend, behavior: str
    ) -> None:
        with make_proxy(raw_backend, 'http', behavior, options={'delay': {'sleep': 0.01}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
            backend.recv_until(HEAD_END)
            backend.close()
            assert client.recv() == b''

    def test_an_error_where_the_client_waits_for_continue(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http', 'error') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
            assert b'injected' in read_response(client)[1]
            assert client.recv() == b''
            client.close()
            assert backend.recv() == b''

    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    @pytest.mark.parametrize('end', [Peer.close, Peer.reset])
    def test_an_early_reply(self, raw_backend: RawBackend, behavior: str, end: Any) -> None:
        """The backend refuses a large request before it has read it, and leaves: the client gets the reply."""
        reply = b'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
        with make_proxy(raw_backend, 'http', behavior, options={'delay': {'sleep': 0.01}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n' + bytes(100_000))
            backend.recv_until(HEAD_END)
            backend.send(reply)
            assert client.recv_exactly(len(reply)) == reply
            end(backend)
            with pytest.raises(ConnectionError):
                client.send(bytes(100 * MB))
            eventually(lambda: proxy.status()['links']['open'] == 0)

    @pytest.mark.parametrize(
        ('behavior', 'before'),
        [('dummy', True), ('delay', True), ('delay', False)],
        ids=['dummy', 'delay', 'delay-reply'],
    )
    def test_an_early_reply_while_the_client_sends(self, raw_backend: RawBackend, behavior: str, before: bool) -> None:
        """The backend closes with bytes unread, which is a reset behind its reply: that arrives first."""
        reply = b'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
        request = b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n' + bytes(5_000_000)
        options = {'delay': {'sleep': 0.001, 'before': before}}
        with make_proxy(raw_backend, 'http', behavior, options=options) as proxy:
            for _ in range(15):
                client, backend = join(proxy, raw_backend)

                def refuse(backend: Peer = backend) -> None:
                    backend.recv_until(HEAD_END)
                    backend.send(reply)
                    backend.close()

                refusing = threading.Thread(target=refuse)
                refusing.start()
                with suppress(ConnectionError):
                    client.send(request)
                refusing.join()
                assert client.recv_exactly(len(reply)) == reply
                client.close()


class TestOpaque:
    """Where framing ends, bytes pass untouched, and a fault meets each chunk."""

    def test_after_an_upgrade(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO), make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(UPGRADE)
            backend.recv_exactly(len(UPGRADE))
            backend.send(SWITCHING + b'first')
            assert client.recv_exactly(len(SWITCHING) + 5) == SWITCHING + b'first'
            self.talk_opaquely(proxy, client, backend)
        assert [record.getMessage() for record in caplog.records if 'opaque' in record.message] == [
            'link 1: opaque from here: upgrade to echo'
        ]

    def test_a_login_of_mysql_that_has_the_length_of_a_version_of_tls(
        self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture
    ) -> None:
        head = (CLIENT_PROTOCOL_41 | CLIENT_MYSQL).to_bytes(4, 'little') + bytes(28)
        login = (790).to_bytes(3, 'little') + b'\1' + (head + b'tester\0\0').ljust(790, b'\0')
        assert login.startswith(b'\x16\3')
        with caplog.at_level(logging.INFO), Proxy(raw_backend.address, 'mysql') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(login)
            assert backend.recv_exactly(len(login)) == login
        assert 'opaque from here: TLS' not in caplog.text

    @pytest.mark.parametrize('protocol', ['http', 'redis'])
    @pytest.mark.parametrize('by', ['client', 'backend'])
    def test_after_bytes_that_do_not_parse(
        self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture, protocol: str, by: str
    ) -> None:
        noise = b'\xff\x03\x01' + Random(3).randbytes(50_000)
        with caplog.at_level(logging.WARNING), make_proxy(raw_backend, protocol) as proxy:
            peers = client, backend = join(proxy, raw_backend)
            speaker, listener = peers if by == 'client' else peers[::-1]
            for _ in range(2):
                speaker.send(noise)
                assert listener.recv_exactly(len(noise)) == noise
                listener.send(noise)
                assert speaker.recv_exactly(len(noise)) == noise
            self.talk_opaquely(proxy, client, backend)
        (warning,) = caplog.records
        assert warning.getMessage().startswith(f'link 1: not {protocol}, opaque from here: ')

    def test_after_bytes_that_do_not_parse_right_behind_a_request(
        self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture
    ) -> None:
        both = command('PING') + b'\xff\x03\x01'
        with (
            caplog.at_level(logging.WARNING),
            make_proxy(raw_backend, 'redis', 'delay', options={'delay': {'sleep': 0.01}}) as proxy,
        ):
            client, backend = join(proxy, raw_backend)
            client.send(both)
            assert backend.recv_exactly(len(both)) == both
            backend.send(b'+PONG\r\n')
            assert client.recv_exactly(7) == b'+PONG\r\n'
            self.talk_opaquely(proxy, client, backend)
        assert len(caplog.messages) == 1

    @pytest.mark.parametrize('protocol', ['http', 'memcache', 'mysql', 'postgres', 'redis', 'smtp'])
    def test_tls(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture, protocol: str) -> None:
        hello = b'\x16\x03\x01\x00\x10' + Random(5).randbytes(16)
        with caplog.at_level(logging.INFO), Proxy(raw_backend.address, protocol) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(hello)
            assert backend.recv_exactly(len(hello)) == hello
            self.talk_opaquely(proxy, client, backend)
        assert [message for message in caplog.messages if 'opaque from' in message] == ['link 1: opaque from here: TLS']

    @pytest.mark.parametrize('behavior', ['delay', 'hang', 'blackout', 'abort'])
    def test_faults_meet_tls_from_its_first_byte(self, raw_backend: RawBackend, behavior: str) -> None:
        options = {'delay': {'sleep': 0.05}} if behavior == 'delay' else {}
        with Proxy(raw_backend.address, 'redis', behavior=behavior, options=options) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'\x16\x03\x01\x00\x02hi')
            if behavior == 'hang':
                assert client.is_silent(0.05)
            elif behavior == 'blackout':
                assert client.recv() == b''
            else:
                backend.recv_exactly(7)
                backend.send(b'hello')
                assert client.recv_all() == b'' if behavior == 'abort' else client.recv_exactly(5) == b'hello'
            assert proxy.status()['faults'] == {behavior: 1}

    def talk_opaquely(self, proxy: Proxy, client: Peer, backend: Peer) -> None:
        """Nothing armed, then something, then nothing."""
        with every_other(proxy, 'delay', sleep=0.01):
            for _ in range(4):
                self.exchange(client, backend)
        self.exchange(client, backend)
        with proxy.with_behavior('delay', sleep=0.01):
            for _ in range(3):
                self.exchange(client, backend)
        with proxy.with_behavior('error', inject=True):
            client.send(b'hello')
            assert backend.recv_exactly(5) == b'hello'
            backend.send(b'world')
            reply = client.recv_exactly(105)
            assert (reply[:2], reply[-3:]) == (b'wo', b'rld')
        with every_other(proxy, 'error'):
            errors = 0
            for _ in range(4):
                client.send(b'hello')
                errors += self.is_error(client, backend)
            assert errors == 2
        self.exchange(client, backend)
        client.close()
        assert backend.recv_all() == b''

    def exchange(self, client: Peer, backend: Peer) -> None:
        client.send(b'hello')
        assert backend.recv_exactly(5) == b'hello'
        backend.send(b'world!')
        assert client.recv_exactly(6) == b'world!'

    def is_error(self, client: Peer, backend: Peer) -> bool:
        ready, _, _ = select.select([client.sock, backend.sock], [], [], TIMEOUT)
        if client.sock in ready:
            assert len(client.recv_exactly(1000)) == 1000
            assert backend.is_silent(0.01)
            return True
        assert backend.recv_exactly(5) == b'hello'
        backend.send(b'world!')
        assert client.recv_exactly(6) == b'world!'
        return False

    @pytest.mark.parametrize(
        ('protocol', 'request_', 'reply'),
        [('http', UPGRADE, SWITCHING), ('redis', SUBSCRIBE, SUBSCRIBED)],
        ids=['http', 'redis'],
    )
    def test_noise_in_the_reply_that_ends_framing(
        self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture, protocol: str, request_: bytes, reply: bytes
    ) -> None:
        with caplog.at_level(logging.INFO), make_proxy(raw_backend, protocol) as proxy:
            client, backend = join(proxy, raw_backend)
            with proxy.with_behavior('error', inject=True):
                client.send(request_)
                assert backend.recv_exactly(len(request_)) == request_
                backend.send(reply)
                got, half = client.recv_exactly(len(reply) + 100), len(reply) // 2
                assert (got[:half], got[half + 100 :]) == (reply[:half], reply[half:])
            self.talk_opaquely(proxy, client, backend)
        assert len([record for record in caplog.records if 'opaque from here' in record.getMessage()]) == 1

    @pytest.mark.parametrize(
        ('protocol', 'request_', 'noise'),
        [
            ('redis', command('PING'), b'\xff\x03\x01'),
            ('http', b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', b'zz\r\n'),
        ],
        ids=['redis', 'http'],
    )
    def test_bytes_that_do_not_parse_behind_a_request_that_hangs(
        self, raw_backend: RawBackend, protocol: str, request_: bytes, noise: bytes
    ) -> None:
        """It hangs as before."""
        with make_proxy(raw_backend, protocol, 'hang') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(request_)
            eventually(lambda: has_swallowed(proxy, len(request_)))
            client.send(noise)
            eventually(lambda: has_swallowed(proxy, len(request_ + noise)))
            assert client.is_silent(0.05)
            assert backend.is_silent(0.01)

    def test_requests_that_wait_behind_the_one_that_ends_framing(self, raw_backend: RawBackend) -> None:
        """They wait no longer, and go on before whatever the client sends next."""
        options = {'delay': {'before': False, 'sleep': 100}}
        with make_proxy(raw_backend, 'redis', 'delay', options=options) as proxy:
            client, backend = join(proxy, raw_backend)
            requests = SUBSCRIBE, command('PING', '1'), command('PING', '2')
            client.send(requests[0] + requests[1])
            assert backend.recv_exactly(len(requests[0])) == requests[0]
            backend.send(SUBSCRIBED)
            eventually(lambda: proxy.status()['bytes']['downstream'] == len(SUBSCRIBED))
            client.send(requests[2])
            assert backend.recv_exactly(len(requests[1] + requests[2])) == requests[1] + requests[2]
            assert client.is_silent(0.05)
            proxy.set_behavior('dummy')
            assert client.recv_exactly(len(SUBSCRIBED)) == SUBSCRIBED

    def test_a_body_that_does_not_parse(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        """In the middle of a request that is late already."""
        head = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'
        with (
            caplog.at_level(logging.WARNING),
            make_proxy(raw_backend, 'http', 'delay', options={'delay': {'sleep': 0.01}}) as proxy,
        ):
            client, backend = join(proxy, raw_backend)
            client.send(head)
            assert backend.recv_exactly(len(head)) == head
            client.send(b'no chunk\r\n')
            assert backend.recv_exactly(10) == b'no chunk\r\n'
            backend.send(b'whatever')
            assert client.recv_exactly(8) == b'whatever'
            self.exchange(client, backend)
        (warning,) = caplog.records
        assert 'opaque from here' in warning.getMessage()

    def test_the_count_of_exchanges_never_falls(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis') as proxy:
            client, backend = join(proxy, raw_backend)
            pings = command('PING') * 10
            client.send(pings)
            backend.recv_exactly(len(pings))
            backend.send(b'+PONG\r\n' * 10)
            client.recv_exactly(70)
            client.send(command('MONITOR'))
            backend.recv_until(b'MONITOR\r\n')
            backend.send(b'+OK\r\n')
            client.recv_exactly(5)
            counts = []
            for spec in ('delay', 'dummy', 'delay', 'dummy'):
                proxy.set_behavior(spec, sleep=0) if spec == 'delay' else proxy.set_behavior(spec)
                self.exchange(client, backend)
                counts.append(proxy.status()['exchanges'])
            assert counts == [12, 13, 14, 15]


class TestRedis:
    """What is special about Redis, with its own client."""

    @pytest.mark.parametrize('protocol', [2, 3])
    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    def test_pub_sub(self, redis_server: Server, protocol: int, behavior: str) -> None:
        options = {'delay': {'sleep': 0.005}}
        with (
            make_proxy(redis_server.address, 'redis', behavior, options=options) as proxy,
            redis_client(proxy.address.port, protocol=protocol) as client,
            client.pubsub(ignore_subscribe_messages=True) as pubsub,
        ):
            pubsub.subscribe('a', 'b')
            for number in range(20):
                client.publish('ab'[number % 2], number)
            got: list[bytes] = []
            while len(got) < 20:
                if message := pubsub.get_message(timeout=1):
                    got.append(message['data'])
            assert got == [b'%d' % number for number in range(20)]
            pubsub.unsubscribe()

    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    def test_blocking_and_transactions(self, redis_server: Server, behavior: str) -> None:
        with (
            make_proxy(redis_server.address, 'redis', behavior, options={'delay': {'sleep': 0.005}}) as proxy,
            redis_client(proxy.address.port) as client,
            redis_client(proxy.address.port) as other,
        ):
            popped: list[Any] = []
            thread = threading.Thread(target=lambda: popped.append(client.blpop('engine:list', timeout=5)))
            thread.start()
            while not other.rpush('engine:list', 'one') and thread.is_alive():
                pass
            thread.join()
            assert popped == [(b'engine:list', b'one')]
            with other.pipeline(transaction=True) as pipeline:
                assert pipeline.set('engine:key', PATTERN).get('engine:key').delete('engine:key').execute() == [
                    True,
                    PATTERN,
                    1,
                ]

    def test_monitor(self, redis_server: Server) -> None:
        with (
            make_proxy(redis_server.address, 'redis') as proxy,
            redis_client(proxy.address.port) as client,
            client.monitor() as monitor,
        ):
            client.echo('seen')
            commands = monitor.listen()
            assert any(next(commands)['command'] == 'ECHO seen' for _ in range(20))

    def test_a_push_in_front_of_a_reply_that_is_held(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis', 'delay', options={'delay': {'before': False, 'sleep': 100}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(command('PING'))
            backend.recv_until(b'PING\r\n')
            push = b'>2\r\n+message\r\n+hello\r\n'
            backend.send(push + b'+PONG\r\n')
            assert client.recv_exactly(len(push)) == push
            assert client.is_silent(0.05)
            proxy.set_behavior('dummy')
            assert client.recv_exactly(7) == b'+PONG\r\n'

    def test_more_pushes_than_a_link_holds_in_front_of_a_reply_that_is_held(
        self, raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(held, 'MAX_HELD', 1000)
        push = b'>1\r\n$1000\r\n' + bytes(1000) + b'\r\n'
        with make_proxy(raw_backend, 'redis', 'delay', options={'delay': {'before': False, 'sleep': 0}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(command('PING'))
            backend.recv_until(b'PING\r\n')
            backend.send(push)
            assert client.recv_exactly(len(push)) == push
            backend.send(b'+PONG\r\n')
            assert client.recv_exactly(7) == b'+PONG\r\n'

    def test_no_error_where_the_client_wants_no_reply(self, raw_backend: RawBackend) -> None:
        skip = command('CLIENT', 'REPLY', 'SKIP')
        with make_proxy(raw_backend, 'redis') as proxy, every_other(proxy, 'error'):
            client, backend = join(proxy, raw_backend)
            client.send(skip + command('SET', 'k', 'v'))
            assert backend.recv_exactly(len(skip)) == skip
            # In the place of the SET, which the backend has not seen, something else is to get no reply.
            assert backend.recv_exactly(2 * len(command('PING'))) == 2 * command('PING')
            backend.send(b'+PONG\r\n')
            eventually(lambda: proxy.status()['faults'] == {'error': 1})
            assert client.is_silent(0.05)
            assert backend.is_silent(0.01)


class TestArming:
    """At run time, on connections that are open."""

    @pytest.mark.parametrize('protocol', ['tcp', 'http', 'redis'])
    def test_the_next_exchange_is_the_first_to_see_it(self, raw_backend: RawBackend, protocol: str) -> None:
        request, reply, error = {
            'tcp': (b'ping', b'pong', 1000),
            'http': (get('/'), OK, 0),
            'redis': (command('PING'), b'+PONG\r\n', 0),
        }[protocol]
        with make_proxy(raw_backend, protocol) as proxy:
            client, backend = join(proxy, raw_backend)
            for _ in range(3):
                client.send(request)
                assert backend.recv_exactly(len(request)) == request
                with proxy.with_behavior('error'):
                    backend.send(reply)  # of an exchange that had begun before
                    assert client.recv_exactly(len(reply)) == reply
                    client.send(request)
                    if error:
                        client.recv_exactly(error)
                    elif protocol == 'http':
                        assert b'injected' in read_response(client)[1]
                    else:
                        assert client.recv_until(b'\r\n').startswith(b'-ERR')

    @pytest.mark.parametrize('protocol', ['tcp', 'http', 'redis'])
    def test_what_hangs_is_let_go(self, raw_backend: RawBackend, protocol: str) -> None:
        request = {'tcp': b'ping', 'http': get('/'), 'redis': command('PING')}[protocol]
        with make_proxy(raw_backend, protocol, 'hang') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(request)
            eventually(lambda: proxy.status()['faults'] == {'hang': 1})
            proxy.set_behavior('dummy')
            assert client.recv() == b''
            assert backend.recv() == b''
            eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_a_link_that_breaks_as_what_waits_goes_on(self, raw_backend: RawBackend) -> None:
        """Nothing of what is armed then happens to it."""
        with make_proxy(raw_backend, 'redis', "error(match='DEL *')") as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(command('PING') + command('DEL', 'a'))
            assert backend.recv_exactly(len(command('PING'))) == command('PING')
            link = inside(proxy, only_link)
            inside(proxy, lambda server: link.backend.shutdown(socket.SHUT_WR))
            proxy.set_behavior('unplug')
            with pytest.raises(ConnectionResetError):
                client.recv()
            assert link.closed
            assert link.traffic is PLAIN
            assert proxy.faults() == []

    def test_arming_all_the_time(self, redis_server: Server) -> None:
        """Every request gets a reply or an end, whatever comes and goes meanwhile."""
        with make_proxy(redis_server.address, 'redis') as proxy:
            done = threading.Event()

            def arm() -> None:
                specs = ['delay', 'error', 'dummy', '50:delay,50:error', 'dummy']
                for number in range(400):
                    proxy.set_behavior(specs[number % len(specs)])
                proxy.set_behavior('dummy')
                done.set()

            arming = threading.Thread(target=arm)
            arming.start()
            client = connect(proxy)
            while not done.is_set():
                client.send(command('ECHO', 'x') * 10)
                for _ in range(10):
                    if client.recv_until(b'\r\n') == b'$1\r\n':
                        client.recv_until(b'\r\n')
            arming.join()

    def test_a_fault_does_not_make_the_link_forget_what_no_rule_matches(
        self, raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        described: list[bytes] = []
        describe = Redis.describe

        def note(self: Redis, request: bytes) -> str:
            described.append(request)
            return describe(self, request)

        monkeypatch.setattr(Redis, 'describe', note)
        with make_proxy(raw_backend, 'redis', "error(match='DEL *')") as proxy:
            client, backend = join(proxy, raw_backend)
            for request in (command('GET', 'a'), command('DEL', 'a'), command('GET', 'a')):
                client.send(request)
                if request[8:11] == b'GET':
                    assert backend.recv_exactly(len(request)) == request
                    backend.send(b'$-1\r\n')
                assert client.recv(100)
            assert described.count(command('GET', 'a')) == 1


def shrink_buffer(server: ProxyServer) -> None:
    """Have the kernel hold less for the client than the proxy itself does."""
    only_link(server).client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)


def has_replied(server: ProxyServer) -> bool:
    """Whether the proxy has received the end of the reply."""
    traffic = only_link(server).traffic
    assert isinstance(traffic, Dispatcher)
    return traffic._asked == traffic._answered


class TestSetBackend:
    """What becomes of open links when the proxy gets another backend."""

    @pytest.fixture
    def other_backend(self) -> Iterator[RawBackend]:
        backend = RawBackend()
        yield backend
        backend.close()

    def test_http_moves_unseen(self, raw_backend: RawBackend, other_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(get('/'))
            backend.recv_until(HEAD_END)
            proxy.set_backend(other_backend.address)
            backend.send(OK)
            assert client.recv_exactly(len(OK)) == OK
            assert backend.recv() == b''
            client.send(get('/2'))
            other = other_backend.accept()
            assert other.recv_until(HEAD_END) == get('/2')
            other.send(OK)
            assert client.recv_exactly(len(OK)) == OK
            proxy.set_backend(raw_backend.address)
            assert other.recv() == b''
            client.send(get('/3'))
            backend = raw_backend.accept()
            assert backend.recv_until(HEAD_END) == get('/3')
            assert proxy.status()['bytes']['upstream'] == len(get('/') + get('/2') + get('/3'))

    @pytest.mark.parametrize('protocol', ['http', 'redis'])
    def test_a_reply_that_the_client_reads_slowly_is_whole(
        self, raw_backend: RawBackend, other_backend: RawBackend, protocol: str
    ) -> None:
        size = 5 * MB
        request = get('/') if protocol == 'http' else command('GET', 'k')
        head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' if protocol == 'http' else b'$%d\r\n'
        reply = head % size + bytes(size) + (b'\r\n' if protocol == 'redis' else b'')
        with make_proxy(raw_backend, protocol) as proxy:
            client, backend = join(proxy, raw_backend)
            inside(proxy, shrink_buffer)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
            client.send(request)
            backend.recv_exactly(len(request))
            sender = threading.Thread(target=lambda: backend.send(reply), daemon=True)
            sender.start()
            read = len(client.recv_exactly(size // 4))
            while not inside(proxy, has_replied):
                read += len(client.recv_exactly(10_000))
            assert inside(proxy, lambda server: only_link(server).down.unsent), 'in vain: the proxy has sent all of it'
            proxy.set_backend(other_backend.address)
            assert client.recv_exactly(len(reply) - read) == reply[read:]
            sender.join()
            if protocol == 'redis':
                assert client.recv() == b''
            else:
                client.send(request)
                other_backend.accept().recv_until(HEAD_END)

    def test_redis_is_closed_when_its_exchange_ends(self, raw_backend: RawBackend, other_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis') as proxy:
            busy, backend = join(proxy, raw_backend)
            idle, _ = join(proxy, raw_backend)
            busy.send(command('PING') * 2)
            backend.recv_exactly(2 * len(command('PING')))
            proxy.set_backend(other_backend.address)
            assert idle.recv() == b''
            backend.send(b'+PONG\r\n')
            assert busy.recv_exactly(7) == b'+PONG\r\n'
            assert busy.is_silent(0.05)
            backend.send(b'+PONG\r\n')
            assert busy.recv_all() == b'+PONG\r\n'
            again, other = join(proxy, other_backend)
            again.send(command('PING'))
            other.recv_until(b'PING\r\n')

    def test_tcp_is_closed_at_once(self, raw_backend: RawBackend, other_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            proxy.set_backend(other_backend.address)
            assert client.recv() == b''
            assert backend.recv() == b''
            join(proxy, other_backend)


class TestGreetings:
    """Of protocols whose backend speaks first."""

    def test_an_error_does_not_come_before_one(self, raw_backend: RawBackend) -> None:
        """Though the client did not wait for it; the greeting itself passes then."""
        with Proxy(raw_backend.address, 'smtp', behavior='error') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'NOOP\r\n')
            assert client.is_silent(0.05)
            backend.send(b'220 at your service\r\n')
            assert client.recv_until(b'\r\n') == b'220 at your service\r\n'
            assert client.recv_until(b'\r\n').startswith(b'451 ')


class TestFailing:
    """Behaviors of somebody's that fail."""

    @pytest.mark.parametrize('kind', [ValueError, SystemExit, FileNotFoundError, TimeoutError])
    @pytest.mark.parametrize('step', ['is_due', 'on_before_handle', 'on_between_handle', 'on_after_handle'])
    def test_a_behavior_that_raises(
        self,
        raw_backend: RawBackend,
        behaviors: Registry[Dummy],
        caplog: pytest.LogCaptureFixture,
        step: str,
        kind: type[BaseException],
    ) -> None:
        """Before it did anything, its exchanges pass, in their order."""

        def fail(self: Dummy, *args: Any) -> None:
            raise kind('no such luck')

        behaviors.register(type('Failing', (Dummy,), {'name': 'failing', step: fail}))
        with caplog.at_level(logging.WARNING), make_proxy(raw_backend, 'redis', 'failing') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(command('ECHO', '1') + command('ECHO', '2') + command('ECHO', '3'))
            for number in (b'1', b'2', b'3'):
                assert backend.recv_until(number + b'\r\n').endswith(number + b'\r\n')
                backend.send(b'$1\r\n%b\r\n' % number)
            assert client.recv_exactly(21) == b'$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n'
        said = f'failing failed: {kind.__name__}: no such luck'
        assert [record.getMessage() for record in caplog.records] == [said] * 3
        assert not any(record.exc_info for record in caplog.records)

    def test_a_behavior_that_raises_with_the_reply_in_its_hands(
        self, raw_backend: RawBackend, behaviors: Registry[Dummy]
    ) -> None:
        """That reply comes before whatever is sent in reply to the next request."""

        class Clumsy(Dummy):
            name = 'clumsy'
            begun = 0

            def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
                self.begun += 1
                if self.begun == 2:
                    source.answer(protocol.error())
                return self.begun != 2

            def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
                assert isinstance(dest, LinkEnd)
                while not dest._inbound.held.data:
                    gevent.sleep(0.001)
                raise ValueError('dropped it')

        behaviors.register(Clumsy)
        with make_proxy(raw_backend, 'redis', 'clumsy') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(command('PING') * 2)
            assert backend.recv_until(b'PING\r\n') == command('PING')
            backend.send(b'+PONG\r\n')
            assert client.recv_until(b'\r\n') == b'+PONG\r\n'
            assert client.recv_until(b'\r\n').startswith(b'-ERR ')

    def test_bytes_that_do_not_parse_behind_a_request_that_waits_for_its_turn(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis') as proxy, every_other(proxy, 'delay', sleep=0.01):
            client, backend = join(proxy, raw_backend)
            client.send(command('PING') * 2)
            assert backend.recv_until(b'PING\r\n') == command('PING')
            client.send(b'\xff\x03\x01')
            backend.send(b'+PONG\r\n')
            assert client.recv_until(b'\r\n') == b'+PONG\r\n'
            assert backend.recv_exactly(len(command('PING')) + 3) == command('PING') + b'\xff\x03\x01'

    def test_the_client_resets_while_a_request_waits_for_its_turn(self, raw_backend: RawBackend) -> None:
        """That never comes, though the reply that it waited for does."""
        with make_proxy(raw_backend, 'redis') as proxy, every_other(proxy, 'hang'):
            client, backend = join(proxy, raw_backend)
            too_much = b'*2\r\n$4\r\nECHO\r\n$300000\r\n' + bytes(200_000)  # so that the reset is not seen
            client.send(command('PING') + too_much)
            assert backend.recv_until(b'PING\r\n') == command('PING')
            eventually(lambda: inside(proxy, lambda server: not only_link(server).up.reader.active))
            client.reset()
            backend.send(b'+PONG\r\n')
            eventually(lambda: proxy.status()['links']['open'] == 0)
            assert proxy.status()['faults'] == {}
            assert count_greenlets(proxy) == 0


class TestFailingProtocols:
    """Protocols of somebody's that fail: what they say of the bytes is not known any more."""

    def ask(self, client: Peer) -> bytes:
        client.send(b'ping')
        return client.recv()

    @pytest.mark.parametrize('method', ['__init__', 'set_backend', 'feed_upstream', 'feed_downstream'])
    def test_the_link_is_reset(
        self,
        echo_server: RawBackend,
        protocols: Registry[BaseProtocol],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
        method: str,
    ) -> None:
        def fail(self: BaseProtocol, *args: Any) -> None:
            raise KeyError('no such word')

        protocols.register(type('Failing', (BaseProtocol,), {'name': 'failing', method: fail}))
        with caplog.at_level(logging.WARNING), Proxy(echo_server.address, 'failing') as proxy:
            with pytest.raises(ConnectionError):  # by whichever of these is late
                self.ask(connect(proxy))
            eventually(lambda: proxy.status()['links'] == {'open': 0, 'total': 1})
        assert caplog.messages == ["failing failed: KeyError: 'no such word'"]
        assert capfd.readouterr().err == '', 'no traceback'

    @pytest.mark.parametrize('method', ['end_upstream', 'end_downstream'])
    def test_so_it_is_at_the_end_of_a_stream(
        self,
        raw_backend: RawBackend,
        protocols: Registry[BaseProtocol],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
        method: str,
    ) -> None:
        def fail(self: BaseProtocol) -> None:
            raise KeyError('no such word')

        protocols.register(type('Failing', (BaseProtocol,), {'name': 'failing', method: fail}))
        with caplog.at_level(logging.WARNING), Proxy(raw_backend.address, 'failing') as proxy:
            client, backend = join(proxy, raw_backend)
            (client if method == 'end_upstream' else backend).shut_down()
            with pytest.raises(ConnectionError):
                client.recv()
        assert caplog.messages == ["failing failed: KeyError: 'no such word'"]
        assert capfd.readouterr().err == '', 'no traceback'

    def test_one_that_raises_on_the_way_to_another_backend(
        self, raw_backend: RawBackend, protocols: Registry[BaseProtocol]
    ) -> None:
        class Failing(HTTP):
            name = 'failing'
            told = 0

            def set_backend(self, backend: str) -> None:
                self.told += 1
                if self.told == 2:
                    raise KeyError('no such word')

        protocols.register(Failing)
        with Proxy(raw_backend.address, 'failing') as proxy:
            client, _ = join(proxy, raw_backend)
            proxy.set_backend(raw_backend.address)
            with pytest.raises(ConnectionError):
                client.recv()

    def test_without_a_description_the_exchange_goes_on(
        self,
        raw_backend: RawBackend,
        protocols: Registry[BaseProtocol],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        def fail(self: BaseProtocol, request: bytes) -> str:
            raise KeyError('no such word')

        protocols.register(type('Speechless', (Redis,), {'name': 'speechless', 'describe': fail}))
        with caplog.at_level(logging.INFO), Proxy(raw_backend.address, 'speechless', behavior='error') as proxy:
            client, _ = join(proxy, raw_backend)
            client.send(command('PING'))
            assert client.recv_until(b'\r\n').startswith(b'-ERR ')
        assert "speechless failed: KeyError: 'no such word'" in caplog.messages
        assert any(message.startswith('link 1 exchange 1: error on ') for message in caplog.messages)
        assert capfd.readouterr().err == '', 'no traceback'
