"""Every behavior in front of memcached, as its drivers see it: pymemcache in text, bmemcached in binary."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import bmemcached  # type: ignore[import-untyped]
import pytest
from pymemcache.client.base import Client  # type: ignore[import-untyped]

from tests.behaviors.talk import connect
from tests.behaviors.waiting import eventually
from tests.peers import Peer
from tests.protocols.test_memcache import ask, tell
from tests.servers import HOST, LARGE, TIMEOUT, Server
from vaurien import Proxy

#: Seconds that a driver waits where it is to give up.
PATIENCE = 0.5

_ERROR = 'pymemcache.exceptions.MemcacheServerError injected by vaurien'
_CLOSED = 'pymemcache.exceptions.MemcacheUnexpectedCloseError'
_TIMED_OUT = 'TimeoutError timed out'
#: What pymemcache raises; of a delay, when it is longer than its time-out. It then closes its connection, whatever it
#: raised, and opens another for the next command.
RAISES: dict[str, str] = {
    'dummy': 'nothing',
    'delay': _TIMED_OUT,
    'error': _ERROR,
    'error, inject': 'ValueError',
    'hang': _TIMED_OUT,
    'blackout': _CLOSED,
    'abort': _CLOSED,
    'transient': _ERROR,
}
_BINARY_ERROR = "bmemcached.exceptions.MemcachedException Code: 132 Message: b'injected by vaurien'"
#: What bmemcached raises. Nothing where a connection is lost or times out: ``get`` gives None then and ``set`` False.
BINARY_RAISES: dict[str, str] = {
    'dummy': 'nothing',
    'delay': 'nothing',
    'error': _BINARY_ERROR,
    'error, inject': 'AssertionError',  # by the next command: the noise hides behind what it reads of the reply
    'hang': 'nothing',
    'blackout': 'nothing',
    'abort': 'nothing',
    'transient': _BINARY_ERROR,
}
UPLOAD = LARGE[: 5 * 1024 * 1024]

#: Many requests, the last one, and what the reply to that ends with. A second time they are answered the same.
PIPELINES: dict[str, tuple[list[bytes], bytes, bytes]] = {
    'text': (
        [
            b'set p:%d 0 0 %d\r\n%b\r\nget p:%d x\r\nset p:%d 0 0 1 noreply\r\n7\r\nincr p:%d 1\r\n'
            % (i, i, b'v' * i, i, i, i)
            for i in range(300)
        ],
        b'get last\r\nstats detail on\r\nstats detail off\r\nshutdown\r\n',
        b'shutdown not enabled\r\n',
    ),
    'meta': (
        [b'ms m:%d 2 q\r\nhi\r\nmg m:%d v k q\r\nmg none v q\r\n' % (i, i) for i in range(300)],
        b'mn\r\n',
        b'MN\r\n',
    ),
    'binary': (
        # No hits: they show a number that is never the same.
        [
            ask(0x11, b'b:%d' % i, bytes(8), b'value') + ask(0x14, b'none') + ask(0x0B) + ask(0x0D, b'none')
            for i in range(300)
        ],
        ask(0x0A),
        tell(0x0A),
    ),
}


@contextmanager
def text_client(proxy: Proxy, **given: Any) -> Iterator[Any]:
    """Return pymemcache, connected."""
    client = Client((HOST, proxy.address.port), **{'timeout': TIMEOUT, 'default_noreply': False, **given})
    try:
        client.version()
        yield client
    finally:
        client.close()


@contextmanager
def binary_client(proxy: Proxy, **given: Any) -> Iterator[Any]:
    """Return bmemcached, connected."""
    client = bmemcached.Client((f'{HOST}:{proxy.address.port}',), **{'socket_timeout': TIMEOUT, **given})
    try:
        assert client.get('nothing') is None
        yield client
    finally:
        client.disconnect_all()


def raised(call: Callable[[], object], has_text: bool = True) -> str:
    """Return the class of what *call* raises, and the text if it *has_text*."""
    try:
        call()
    except Exception as error:
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == 'builtins' else f'{kind.__module__}.{kind.__qualname__}'
        text = str(error.args[0] if kind.__module__ == 'bmemcached.exceptions' else error) if has_text else ''
        text = text.removeprefix("b'").removesuffix("'") if kind.__module__.startswith('pymemcache') else text
        return f'{name} {text}'.rstrip()
    return 'nothing'


def links(proxy: Proxy) -> int:
    """Return how many connections the proxy has had."""
    return int(proxy.status()['links']['total'])


class TestDummy:
    """Tests that nobody notices."""

    def test_pymemcache(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache') as proxy, text_client(proxy) as client:
            assert raised(lambda: client.set('dummy', UPLOAD)) == RAISES['dummy']
            assert client.get('dummy') == UPLOAD
            assert client.add('dummy', b'other') is False
            value, cas = client.gets('dummy')
            assert value == UPLOAD
            assert client.cas('dummy', b'1', cas) is True
            assert client.cas('dummy', b'2', cas) is False
            assert client.incr('dummy', 4) == 5
            assert client.touch('dummy', 100) is True
            assert client.get('dummy') == b'5'
            assert client.set_many({f'dummy:{i}': b'%d' % i for i in range(100)}) == []
            keys = [f'dummy:{i}' for i in range(20_000)]
            assert client.get_many(keys) == {f'dummy:{i}': b'%d' % i for i in range(100)}
            client.set('dummy', UPLOAD, noreply=True)
            client.delete('dummy:1', noreply=True)
            assert client.get('dummy') == UPLOAD
            assert client.get('dummy:1') is None
            assert b'pid' in client.stats()
            assert client.delete('dummy') is True
            assert links(proxy) == 1
            assert proxy.status()['faults'] == {}

    def test_bmemcached(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache') as proxy, binary_client(proxy) as client:
            assert raised(lambda: client.set('dummy-b', UPLOAD)) == BINARY_RAISES['dummy']
            assert client.get('dummy-b') == UPLOAD
            assert client.add('dummy-b', 'other') is False
            assert client.incr('dummy-n', 1, default=7) == 7
            values = {f'dummy-b:{i}': b'%d' % i for i in range(100)}
            client.set_multi(values)
            assert client.get_multi([f'dummy-b:{i}' for i in range(500)]) == values
            assert client.delete('dummy-b') is True
            assert 'pid' in next(iter(client.stats().values()))
            assert links(proxy) == 1
            assert proxy.status()['faults'] == {}

    @pytest.mark.parametrize('make_client', [text_client, binary_client])
    def test_several_connections_at_once(self, memcached: Server, make_client: Any) -> None:
        def store(number: int) -> bool:
            value = LARGE[number : number + 500_000]
            with make_client(proxy) as client:
                return all(client.set(f'{number}', value) and client.get(f'{number}') == value for _ in range(5))

        with Proxy(memcached.address, 'memcache') as proxy, ThreadPoolExecutor(4) as pool:
            assert list(pool.map(store, range(8))) == [True] * 8
            assert links(proxy) == 8

    @pytest.mark.parametrize('language', PIPELINES)
    def test_pipelines(self, memcached: Server, language: str) -> None:
        pieces, last, end = PIPELINES[language]

        def replies(peer: Peer) -> bytes:
            with peer:
                peer.send(b''.join(pieces) + last)
                data = bytearray()
                while not data.endswith(end):
                    data += peer.recv()
                return bytes(data)

        with Proxy(memcached.address, 'memcache') as proxy:
            assert replies(connect(proxy)) == replies(Peer.connect(memcached.port))


class TestError:
    """Tests ``SERVER_ERROR`` and the status 0x84."""

    def test_pymemcache(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache') as proxy, text_client(proxy) as client:
            with proxy.with_behavior('error'):
                assert raised(lambda: client.set('error', UPLOAD)) == RAISES['error']
                assert raised(lambda: client.get('error')) == RAISES['error']
                assert raised(lambda: client.get_many(['error', 'x'])) == RAISES['error']
                assert raised(lambda: client.incr('error', 1)) == RAISES['error']
                assert raised(client.stats) == RAISES['error']
                client.set('error', UPLOAD, noreply=True)
                client.quit()
                eventually(lambda: proxy.status()['faults'] == {'error': 7})
            assert client.get('error') is None

    def test_the_connection_stays(self, memcached: Server) -> None:
        """The error comes after the data block, which is not taken for a command."""
        with Proxy(memcached.address, 'memcache') as proxy, connect(proxy) as client:
            client.send(b'version\r\n')
            client.recv_until(b'\r\n')
            proxy.set_behavior('error')
            client.send(b'set stays 0 0 6\r\nquit\r\n')
            assert client.is_silent(0.02)
            client.send(b'\r\nget stays\r\n')
            assert client.recv_until(b'\r\n') == b'SERVER_ERROR injected by vaurien\r\n'
            assert client.recv_until(b'\r\n') == b'SERVER_ERROR injected by vaurien\r\n'
            proxy.set_behavior('dummy')
            client.send(b'get stays\r\n')
            assert client.recv_until(b'\r\n') == b'END\r\n'
            proxy.set_behavior('error')
            client.send(b'quit\r\n')
            assert client.recv_all() == b''

    def test_bmemcached(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache') as proxy, binary_client(proxy) as client:
            with proxy.with_behavior('error'):
                assert raised(lambda: client.set('error-b', UPLOAD)) == BINARY_RAISES['error']
                assert raised(lambda: client.get('error-b')) == BINARY_RAISES['error']
                assert raised(lambda: client.get_multi(['error-b', 'x'])) == BINARY_RAISES['error']
                assert raised(lambda: client.incr('error-b', 1)) == BINARY_RAISES['error']
            assert client.get('error-b') is None
            assert links(proxy) == 1

    def test_just_the_exchanges_that_are_counted(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache', behavior='50:error') as proxy, connect(proxy) as client:
            client.send(b''.join(b'set half:%d 0 0 1\r\nx\r\n' % i for i in range(200)))
            replies = [client.recv_until(b'\r\n') for _ in range(200)]
            failed = [i for i, reply in enumerate(replies) if reply.startswith(b'SERVER_ERROR')]
            assert proxy.status()['faults'] == {'error': len(failed)}
            assert 40 < len(failed) < 160
            proxy.set_behavior('dummy')
            for i, reply in enumerate(replies):
                client.send(b'get half:%d\r\n' % i)
                assert (client.recv_until(b'\r\n') == b'END\r\n') == (i in failed) == (reply != b'STORED\r\n')
                if i not in failed:
                    client.recv_until(b'END\r\n')

    @pytest.mark.parametrize(
        'refused', [b'set %b 0 0 3' % (b'k' * 251), b'set k x 0 3', b'cas k 0 0 3 x', b'ms %b 3' % (b'k' * 251)]
    )
    def test_what_follows_on_a_line_that_is_refused_is_a_command(self, memcached: Server, refused: bytes) -> None:
        with Proxy(memcached.address, 'memcache', behavior='error(match="abc")') as proxy, connect(proxy) as client:
            client.send(refused + b'\r\nabc\r\nversion\r\n')
            assert client.recv_until(b'\r\n') == b'CLIENT_ERROR bad command line format\r\n'
            assert client.recv_until(b'\r\n') == b'SERVER_ERROR injected by vaurien\r\n'
            assert client.recv_until(b'\r\n').startswith(b'VERSION')

    @pytest.mark.parametrize('stored', [b'set signed 0 0 +3', b'set signed 0 0 00000000003', b'ms signed +3'])
    def test_a_value_of_any_size_that_is_taken_is_no_command(self, memcached: Server, stored: bytes) -> None:
        with Proxy(memcached.address, 'memcache', behavior='error(match="abc")') as proxy, connect(proxy) as client:
            client.send(stored + b'\r\nabc\r\nget signed\r\n')
            assert client.recv_until(b'\r\n') in (b'STORED\r\n', b'HD\r\n')
            assert client.recv_until(b'END\r\n') == b'VALUE signed 0 3\r\nabc\r\nEND\r\n'

    @pytest.mark.parametrize('silent', [b'lru noreply', b'extstore noreply'])
    def test_an_error_does_not_wait_for_a_reply_that_never_comes(self, memcached: Server, silent: bytes) -> None:
        with Proxy(memcached.address, 'memcache', behavior='error(match="get *")') as proxy, connect(proxy) as client:
            client.send(silent + b'\r\nget a\r\n')
            assert client.recv_until(b'\r\n') == b'SERVER_ERROR injected by vaurien\r\n'

    def test_quiet_meta_commands_are_answered_if_they_fail(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache', behavior='error(match="m? quiet*")') as proxy:
            with connect(proxy) as client:
                client.send(b'ms quiet 2 q\r\nhi\r\nmg quiet v q\r\nmn\r\nmg quiet v\r\nquit\r\n')
                error = b'SERVER_ERROR injected by vaurien\r\n'
                assert client.recv_all() == error + error + b'MN\r\n' + error
            assert proxy.status()['faults'] == {'error': 3}

    def test_quiet_binary_commands_are_answered_if_they_fail(self, memcached: Server) -> None:
        error = tell(0x11, value=b'injected by vaurien', status=0x84)
        with Proxy(memcached.address, 'memcache', behavior='error(match="setq*")') as proxy, connect(proxy) as client:
            client.send(ask(0x11, b'quiet-b', bytes(8), b'x') + ask(0x09, b'quiet-b') + ask(0x0A))
            assert client.recv_exactly(len(error)) == error
            assert client.recv_exactly(24) == tell(0x0A)

    def test_inject(self, memcached: Server) -> None:
        proxy = Proxy(memcached.address, 'memcache', seed=1)
        with proxy, text_client(proxy) as client, binary_client(proxy) as binary:
            client.set('inject', b'1')
            with proxy.with_behavior('error', inject=True):
                assert raised(lambda: client.incr('inject', 1), False) == RAISES['error, inject']
                assert binary.set('inject-b', 'value')
            assert client.get('inject') == b'2'
            assert raised(lambda: binary.get('inject-b')) == BINARY_RAISES['error, inject']

    def test_transient(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache') as proxy:
            with text_client(proxy) as client:
                proxy.set_behavior('transient', agitate=2)
                for _ in range(2):
                    assert raised(lambda: client.get('transient')) == RAISES['transient']
                assert client.get('transient') is None
                proxy.set_behavior('dummy')
            with binary_client(proxy) as binary:
                before = links(proxy)
                proxy.set_behavior('transient', agitate=2)
                for _ in range(2):
                    assert raised(lambda: binary.get('transient')) == BINARY_RAISES['transient']
                assert binary.get('transient') is None
                assert links(proxy) == before


class TestSilence:
    """Tests replies that come late or never."""

    @pytest.mark.parametrize('behavior', ['delay', 'hang'])
    def test_pymemcache_gives_up(self, memcached: Server, behavior: str) -> None:
        proxy = Proxy(memcached.address, 'memcache', options={'delay': {'sleep': 30.0}})
        with proxy, text_client(proxy, timeout=PATIENCE) as client:
            with proxy.with_behavior(behavior):
                assert raised(lambda: client.set('silence', b'x')) == RAISES[behavior]
            assert client.set('after', b'x')

    @pytest.mark.parametrize('behavior', ['delay', 'hang'])
    def test_bmemcached_gives_up(self, memcached: Server, behavior: str) -> None:
        proxy = Proxy(memcached.address, 'memcache', options={'delay': {'sleep': 30.0}})
        with proxy, binary_client(proxy, socket_timeout=PATIENCE) as client:
            with proxy.with_behavior(behavior):
                assert raised(lambda: client.set('silence-b', 'x')) == BINARY_RAISES[behavior]
                assert client.set('silence-b', 'x') is False
            assert client.set('after-b', 'x') is True

    @pytest.mark.parametrize('before', [True, False])
    @pytest.mark.parametrize('make_client', [text_client, binary_client])
    def test_delay(self, memcached: Server, make_client: Any, before: bool) -> None:
        with Proxy(memcached.address, 'memcache') as proxy, make_client(proxy) as client:
            client.set('delay', UPLOAD)
            with proxy.with_behavior('delay', sleep=0.1, before=before):
                began = time.monotonic()
                assert client.get('delay') == UPLOAD
                assert 0.1 <= time.monotonic() - began < TIMEOUT
            assert links(proxy) == 1


class TestGone:
    """Tests connections that close; the drivers open another for the next command."""

    def test_blackout(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache') as proxy:
            with text_client(proxy) as client:
                with proxy.with_behavior('blackout'):
                    assert raised(lambda: client.set('blackout', b'x')) == RAISES['blackout']
                assert client.get('blackout') is None
                assert links(proxy) == 2
            with binary_client(proxy) as binary:
                with proxy.with_behavior('blackout'):
                    assert raised(lambda: binary.set('blackout', 'x')) == BINARY_RAISES['blackout']
                    assert binary.set('blackout', 'x') is False
                assert binary.get('blackout') is None

    def test_abort_after_it_was_done(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache') as proxy:
            with text_client(proxy) as client:
                client.set('abort', b'0')
                with proxy.with_behavior('abort'):
                    assert raised(lambda: client.incr('abort', 1)) == RAISES['abort']
                assert client.get('abort') == b'1'
                with proxy.with_behavior('abort'):
                    client.set('abort', UPLOAD, noreply=True)
                eventually(lambda: client.get('abort') == UPLOAD)
            with binary_client(proxy) as binary:
                with proxy.with_behavior('abort'):
                    assert raised(lambda: binary.set('abort-b', UPLOAD)) == BINARY_RAISES['abort']
                    assert binary.set('abort-b', 'x') is False
                assert binary.get('abort-b') == 'x'


def test_watch_is_let_through(memcached: Server) -> None:
    """After it, no behavior applies that needs exchanges."""
    with Proxy(memcached.address, 'memcache') as proxy, connect(proxy) as watcher, text_client(proxy) as client:
        watcher.send(b'watch mutations\r\n')
        assert watcher.recv_until(b'\r\n') == b'OK\r\n'
        client.set('watched', b'x')
        line = b''
        while b'key=watched' not in line:
            line = watcher.recv_until(b'\n')
        assert line.startswith(b'ts=')
