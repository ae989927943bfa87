"""The compiled framers leave a chunk to the protocol object, or find what it finds, and bring it to the same state."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.native.talks import Talk, count_ordinary
from tests.protocols import feeding, test_http, test_mysql, test_postgres, test_redis
from tests.protocols.test_quick import WAYS, Turn, conversations
from vaurien.protocols.http import HTTP
from vaurien.protocols.http.framing import FramedHTTP
from vaurien.protocols.mysql.packets import CURSOR_EXISTS, MORE_RESULTS

_framing = pytest.importorskip('vaurien.native._framing')

TWINS = {name: ways for name, ways in WAYS.items() if ways.quick.find_twin()}
TWINS['postgres, with statements marked'] = replace(
    WAYS['postgres'], prepare=lambda protocol: protocol.mark_statements(True)
)
BODY = b'x' * 3000
#: More that is ordinary: large, nested, several in a chunk, or such that the quick way leaves it to the full way.
MORE: dict[str, tuple[list[bytes], list[bytes]]] = {
    'redis': (
        [
            test_redis.command('SET', 'k', BODY.decode()),
            test_redis.command('MSET', 'k', 'v' * 100, 'l', 'm' * 2000),
            test_redis.command('PING'),
            test_redis.GET * 20,
        ],
        [
            b'*3\r\n$3000\r\n' + BODY + b'\r\n:1\r\n*2\r\n$-1\r\n*-1\r\n',
            b'%1\r\n+a\r\n*1\r\n$2\r\nab\r\n*0\r\n',
            b'-ERR no\r\n_\r\n#t\r\n,1.5\r\n(12\r\n~1\r\n=7\r\ntxt:abc\r\n',
            b'!5\r\nERR x\r\n',
        ],
    ),
    'http': (
        [
            test_http.head('POST /a?b=c HTTP/1.1', 'Host: a', 'content-length: 3000', 'Connection: keep-alive') + BODY,
            test_http.head('GET /%20 HTTP/1.1', 'HOST:  backend:8888\t', 'Connection: close'),
            test_http.head('DELETE / HTTP/1.1', 'X:'),
        ],
        [
            test_http.head('HTTP/1.1 200 OK', 'Content-Length: 3000', 'X: \xe9') + BODY,
            test_http.head('HTTP/1.1 304 Not Modified', 'Content-Length: 30'),
            test_http.head('HTTP/1.1 204 '),
            test_http.head('HTTP/1.1 404 Not Found', 'Content-Length: 0', 'Connection: Close'),
        ],
    ),
    'memcache': (
        [
            b'set a 0 0 3000\r\n' + BODY + b'\r\n',
            b'set a 0 0 3 noreply\r\nabc\r\ndelete a 0 noreply\r\n',
            b'cas a 0 0 1 7\r\nx\r\ngets a b\r\n',
            b'incr a 1\r\ntouch a 1 noreply\r\ndelete noreply\r\n',
        ],
        [
            b'VALUE a 0 3000\r\n' + BODY + b'\r\nVALUE b 0 0 8\r\n\r\nEND\r\n',
            b'17\r\nVERSION 1\r\n',
            b'SERVER_ERROR no\r\n',
        ],
    ),
    'mysql': (
        [b'\1\0\0\0\x0e', b'\5\0\0\0\x02test', test_mysql.QUERY * 3],
        [
            test_mysql.ok(affected=1000, identity=70_000),
            test_mysql.ok() * 2,
            test_mysql.ok(MORE_RESULTS),
            test_mysql.result(status=MORE_RESULTS),
            test_mysql.result(status=MORE_RESULTS, has_eof=False),
            test_mysql.ONE[: -len(test_mysql.eof())] + b'\x05\0\0\4',
            test_mysql.packet(b'\1') + test_mysql.COLUMN + test_mysql.eof(CURSOR_EXISTS),
        ],
    ),
    'postgres': (
        [
            test_postgres.SYNC,
            test_postgres.QUERY + test_postgres.BIND + test_postgres.EXECUTE + test_postgres.SYNC,
            test_postgres.EXECUTE + test_postgres.BIND * 2 + test_postgres.SYNC,
        ],
        [
            test_postgres.ROWS * 30 + test_postgres.READY,
            b'D\0\0\x0b\xb8' + BODY[:2996] + test_postgres.COMPLETE + test_postgres.FAILED,
            test_postgres.READY * 2,
        ],
    ),
}
#: Bytes that mean something to some protocol.
MEANING = b'\r\n 09:$*-+#?\t\0\1\5\x08\x7f\xfb\xfe\xffBEHQSZaz'


def more_of(name: str) -> tuple[list[bytes], list[bytes]]:
    return MORE[name.partition(',')[0]]


@pytest.mark.parametrize('name', TWINS)
@given(st.data())
def test_the_compiled_way_agrees_on_anything(name: str, data: st.DataObject) -> None:
    ways = TWINS[name]
    requests, replies = more_of(name)
    ways = replace(ways, requests=ways.requests + requests * 4, replies=ways.replies + replies * 4)
    said = data.draw(conversations(ways))
    count_ordinary(ways, said, data.draw(st.lists(st.booleans(), max_size=len(said))))


@pytest.mark.parametrize('name', TWINS)
@given(st.data())
def test_the_compiled_way_agrees_on_what_is_ordinary_wherever_it_is_cut(name: str, data: st.DataObject) -> None:
    ways = TWINS[name]
    requests, replies = more_of(name)
    said: list[Turn] = list(ways.openings[0])
    for is_upstream, some in ((True, requests), (False, replies)):
        known = [pair[not is_upstream] for pair in ways.usual] + some
        whole = b''.join(data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=6)))
        places = data.draw(st.lists(st.integers(0, len(whole)), max_size=6))
        said += [(is_upstream, piece) for piece in feeding.cut(whole, places)]
    count_ordinary(ways, said, data.draw(st.lists(st.booleans(), max_size=len(said))))


@pytest.mark.parametrize('name', TWINS)
def test_the_compiled_way_agrees_on_each_message(name: str) -> None:
    """Try every request and every reply that the tests know, alone in a chunk and among usual ones."""
    ways = TWINS[name]
    requests, replies = more_of(name)
    (usual_request, usual_reply), *_ = ways.usual
    pairs = [(request, usual_reply) for request in ways.requests + requests]
    pairs += [(usual_request, reply) for reply in ways.replies + replies]
    for opening in ways.openings:
        for request, reply in pairs:
            said = [(True, request), (False, reply), (True, usual_request), (False, usual_reply)]
            count_ordinary(ways, [*opening, *said])
            count_ordinary(ways, [*opening, *said], [True] * (len(opening) + len(said)))
            count_ordinary(ways, [*opening, (True, usual_request + request), (False, usual_reply + reply), *said[2:]])


@pytest.mark.parametrize('name', TWINS)
def test_no_other_byte_makes_the_ways_disagree(name: str) -> None:
    """Put other bytes, one at a time, into the first usual request and its reply: any byte into a head of HTTP."""
    ways = TWINS[name]
    values = range(256) if name == 'http' else MEANING
    request, reply = ways.usual[0]
    for i in range(len(request)):
        for value in values:
            count_ordinary(ways, [*ways.openings[0], (True, request[:i] + bytes([value]) + request[i + 1 :])])
    for i in range(len(reply)):
        for value in values:
            changed = reply[:i] + bytes([value]) + reply[i + 1 :]
            count_ordinary(ways, [*ways.openings[0], (True, request), (False, changed)])


@pytest.mark.parametrize('name', TWINS)
def test_usual_messages_are_ordinary(name: str) -> None:
    ways = TWINS[name]
    talk = Talk(ways)
    for turn in ways.openings[0]:
        talk.take(*turn)
    for request, reply in ways.usual * 2:
        # What prepares a statement is for the protocol object, which remembers it.
        prepares = name.startswith('postgres') and request[:1] == b'P'
        assert talk.take(True, request) is not prepares
        assert talk.take(False, reply)


@pytest.mark.parametrize('name', ['redis', 'http', 'http, with another host', 'memcache', 'postgres'])
def test_a_long_message_may_come_in_pieces(name: str) -> None:
    """Cut inside of a body, which goes by in three pieces."""
    ways = TWINS[name]
    talk = Talk(ways)
    for turn in ways.openings[0]:
        talk.take(*turn)
    requests, replies = more_of(name)
    reply = next(reply for reply in replies if len(reply) > len(BODY))
    if name == 'postgres':
        assert talk.take(True, test_postgres.QUERY)
    else:
        assert all(talk.take(True, piece) for piece in feeding.cut(requests[0], [500, 1500]))
    assert all(talk.take(False, piece) for piece in feeding.cut(reply, [500, 1500]))
    talk.hand_over()


def test_rows_may_come_in_pieces() -> None:
    """Cut between rows, and inside of one."""
    ways = TWINS['mysql']
    talk = Talk(ways)
    for turn in ways.openings[0]:
        talk.take(*turn)
    assert talk.take(True, test_mysql.QUERY)
    rows = [b'\xfc\xe8\3' + b'a' * 1000] * 3
    result = test_mysql.result(rows, has_eof=True)
    begin = result.find(b'a' * 1000)
    for piece in feeding.cut(result, [begin + 500, begin + 1000, begin + 1100]):
        assert talk.take(False, piece)
    talk.hand_over()


def test_more_messages_than_there_is_room_for() -> None:
    protocol = TWINS['redis'].quick()
    framing = _framing.Framing(protocol)
    assert framing.requests(test_redis.GET * 3, 2) is None
    assert framing.requests(test_redis.GET * 3, 3) is not None
    assert framing.replies(test_redis.OK * 3, 2) is None
    assert framing.replies(test_redis.OK * 3, 3) is not None


def test_no_more_replies_than_requests() -> None:
    framing = _framing.Framing(TWINS['redis'].quick())
    assert framing.requests(test_redis.GET) is not None
    assert framing.replies(test_redis.OK * 2) is None


def test_a_protocol_that_feeds_in_its_own_way_has_no_twin() -> None:
    class Loud(HTTP):
        def feed_upstream(self, data: bytes) -> Any:
            return super().feed_upstream(data)

    assert HTTP.find_twin() == 'http'
    assert Loud.find_twin() == FramedHTTP.find_twin() == ''
    with pytest.raises(ValueError, match='compiled'):
        _framing.Framing(Loud())


class _Memory(ctypes.Structure):
    """``struct mallinfo2`` of glibc."""

    _fields_ = [(name, ctypes.c_size_t) for name in ('arena', 'pieces', 'fast', 'maps', 'mapped', 'used', 'kept')] + [
        (name, ctypes.c_size_t) for name in ('in_use', 'free', 'top')
    ]


def _in_use() -> tuple[int, int]:
    """Return how much memory C has allocated, and how many blocks Python has."""
    mallinfo: Callable[[], _Memory] = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _Memory  # type: ignore[attr-defined]
    gc.collect()
    return mallinfo().in_use, sys.getallocatedblocks()


#: So many conversations show a leak.
TIMES = 5000


@pytest.mark.parametrize('name', TWINS)
def test_nothing_leaks(name: str) -> None:
    ways = TWINS[name]
    request, reply = ways.usual[0]
    protocol = ways.quick()
    ways.prepare(protocol)
    for is_upstream, chunk in ways.openings[0]:
        protocol.feed_upstream(chunk) if is_upstream else protocol.feed_downstream(chunk)

    def frame(times: int) -> None:
        for _ in range(times):
            framing = _framing.Framing(protocol)
            framing.requests(request)
            framing.requests(b'\xff')
            framing.replies(reply)
            framing.finish()

    frame(100)
    memory, blocks = _in_use()
    frame(TIMES)
    now, blocks_now = _in_use()
    # The smallest thing that C allocates has 24 bytes; other threads may have allocated something meanwhile.
    assert now - memory < 8 * TIMES
    assert blocks_now - blocks < TIMES / 10
