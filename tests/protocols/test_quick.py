"""The quick way of every protocol leaves a chunk to the full way, or gives the very same marks, bytes and state.

These are the tests of each protocol's ``quick.py``; what its full way finds is in the test of the protocol.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.protocols import feeding, test_http, test_memcache, test_mysql, test_postgres, test_redis, test_smtp
from vaurien.framing.statements import Statements
from vaurien.protocols.framed import Framed
from vaurien.protocols.http.framing import FramedHTTP
from vaurien.protocols.http.quick import QuickHTTP
from vaurien.protocols.memcache.framing import FramedMemcache
from vaurien.protocols.memcache.quick import QuickMemcache
from vaurien.protocols.mysql.login import CLIENT_DEPRECATE_EOF
from vaurien.protocols.mysql.quick import QuickMySQL
from vaurien.protocols.mysql.replies import FramedMySQL
from vaurien.protocols.postgres.quick import QuickPostgres
from vaurien.protocols.postgres.replies import FramedPostgres
from vaurien.protocols.redis.framing import FramedRedis
from vaurien.protocols.redis.quick import QuickRedis
from vaurien.protocols.smtp.framing import FramedSMTP
from vaurien.protocols.smtp.quick import QuickSMTP

#: A chunk, and whether the client sends it.
Turn = tuple[bool, bytes]


@dataclass(frozen=True)
class Ways:
    """The two ways of a protocol, and what they are tried with."""

    quick: type[Framed[Any]]
    full: type[Framed[Any]]
    #: Requests that the quick way is for, with their replies; other requests, other replies.
    usual: list[tuple[bytes, bytes]]
    requests: list[bytes]
    replies: list[bytes]
    anything: st.SearchStrategy[bytes]
    #: How a connection may begin.
    openings: Sequence[list[Turn]] = ([],)
    prepare: Callable[[Any], None] = lambda protocol: None


def mysql_ways(flags: int, results: dict[str, bytes], *usual: bytes) -> Ways:
    """Return the ways of MySQL where client and server both have the capabilities *flags*."""
    opening = [(False, test_mysql.greet(flags)), (True, test_mysql.log_in(flags)), (False, test_mysql.ok())]
    requests = [*test_mysql.ANSWERED.values(), *test_mysql.UNASKED.values()]
    replies = [*results.values(), test_mysql.PROGRESS, test_mysql.eof(), test_mysql.prepared(1, 1, has_eof=True)]
    return Ways(
        QuickMySQL,
        FramedMySQL,
        [(test_mysql.QUERY, reply) for reply in usual],
        requests,
        replies,
        test_mysql.anything,
        [opening],
    )


POSTGRES_REPLY = test_postgres.ROWS + test_postgres.COMPLETE + test_postgres.READY
HTTP_POST = test_http.head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3') + b'abc'
HTTP = Ways(
    QuickHTTP,
    FramedHTTP,
    [(test_http.GET, test_http.OK), (HTTP_POST, test_http.OK)],
    [
        *test_http.REQUESTS.values(),
        *test_http.LAST.values(),
        test_http.head('HEAD / HTTP/1.1', 'Content-Length: 2') + b'ok',
        test_http.head('GET / HTTP/2.0', 'Host: a'),
        test_http.head('GET /'),
        test_http.head('POST / HTTP/1.1', 'Transfer-Encoding: chunked'),
        test_http.head('POST / HTTP/1.1', 'Content-Length: 2'),
    ],
    [
        *(reply for _, reply in test_http.REPLIES.values()),
        test_http.head('HTTP/1.1 100 x', 'Content-Length: 0'),
        test_http.head('HTTP/1.1 204 x', 'Content-Length: 2') + b'ok',
        test_http.head('HTTP/1.1 304 x', f'Content-Length: {len(test_http.OK)}') + test_http.OK,
    ],
    st.one_of(test_http.anything, test_http.mutated(test_http.requests())),
)
WAYS = {
    'http': HTTP,
    'http, with another host': replace(HTTP, prepare=lambda protocol: protocol._set_host('backend:8888')),
    'memcache': Ways(
        QuickMemcache,
        FramedMemcache,
        [
            (test_memcache.GET, test_memcache.VALUE),
            (test_memcache.GET, b'END\r\n'),
            (b'set user:1 0 0 5\r\nvalue\r\n', test_memcache.STORED),
        ],
        [
            *test_memcache.REQUESTS.values(),
            *test_memcache.SILENT.values(),
            b'mg a q\r\n',
            b'watch fetchers\r\n',
            b'set  0 0 5\r\nvalue\r\n',
        ],
        [*test_memcache.REPLIES.values(), b'STAT a 1\r\n', b'VALUE a 0 x\r\nEND\r\n'],
        test_memcache.anything,
        [[(True, b'version\r\n'), (False, b'VERSION 1.6.18\r\n')], [(True, test_memcache.NOOP)]],
    ),
    'mysql': mysql_ways(test_mysql.PLAIN, test_mysql.results(True), test_mysql.ok(), test_mysql.ERROR, test_mysql.ONE),
    'mysql, without EOF packets': mysql_ways(
        test_mysql.PLAIN | CLIENT_DEPRECATE_EOF,
        test_mysql.results(False),
        test_mysql.ok(),
        test_mysql.result([b'\x011', b'\x012'], has_eof=False),
    ),
    'mysql, with definitions known from before': mysql_ways(
        test_mysql.CACHE,
        {flag: test_mysql.result(columns=3, metadata=flag.encode()) for flag in ('\0', '\1')},
        test_mysql.result(columns=3, metadata=b'\1'),
    ),
    'postgres': Ways(
        QuickPostgres,
        FramedPostgres,
        [
            (test_postgres.QUERY, POSTGRES_REPLY),
            (test_postgres.STEPS + test_postgres.SYNC, POSTGRES_REPLY),
            (test_postgres.BIND + test_postgres.EXECUTE + test_postgres.SYNC, test_postgres.READY),
        ],
        [*test_postgres.REQUESTS.values(), *test_postgres.specials, test_postgres.EXECUTE],
        [
            test_postgres.FAILURE + test_postgres.FAILED,
            test_postgres.ROWS,
            test_postgres.ROWS[:-1],
            test_postgres.ROWS[:3],
            test_postgres.FAILURE,
            test_postgres.COPY_IN,
            test_postgres.COPY_BOTH,
            test_postgres.authentication(0) + test_postgres.READY,
        ],
        test_postgres.anything,
        [[(True, test_postgres.START), (False, test_postgres.WELCOME)], [(True, test_postgres.SSL)], []],
    ),
    'redis': Ways(
        QuickRedis,
        FramedRedis,
        [
            (test_redis.GET, test_redis.VALUE),
            (test_redis.GET, b'$-1\r\n'),
            (test_redis.command('SET', 'user:1', 'Ada'), test_redis.OK),
            (test_redis.command('INCR', 'n'), b':17\r\n'),
        ],
        [
            *test_redis.REQUESTS.values(),
            *(request for request, _, _ in test_redis.ENDINGS),
            test_redis.OFF,
            test_redis.ON,
            test_redis.SKIP,
            test_redis.command('multi'),
            test_redis.command('UNSUBSCRIBE', 'a', 'b'),
            b'*2\r\n$3\r\nGET\r\n$6\r\nuser:1',
        ],
        [*test_redis.REPLIES.values(), b'>1\r\n+push\r\n', b'$5\r\nval'],
        test_redis.anything,
        [[], [(True, test_redis.command('HELLO', '3')), (False, test_redis.HELLO_REPLY)]],
    ),
    'smtp': Ways(
        QuickSMTP,
        FramedSMTP,
        [(test_smtp.MAIL, test_smtp.OK), (test_smtp.RCPT, test_smtp.NO), (test_smtp.NOOP, b'250\r\n')],
        [*test_smtp.REQUESTS.values(), test_smtp.DATA, test_smtp.AUTH_LOGIN, test_smtp.CONTENT, b'NOOP'],
        [*test_smtp.REPLIES.values(), test_smtp.GO_AHEAD, test_smtp.CHALLENGE, b'220 Ready\r\n', b'25'],
        test_smtp.anything,
        [[(False, test_smtp.BANNER)], []],
    ),
}
#: More bytes than any quick way looks at: a message like that is met often enough among others.
LARGE = 12_000
#: Attributes that are set before they are read: what they are between two messages does not matter.
SCRATCH = {'_up_begin', '_down_begin', '_first', '_kind', '_mark', '_ends_request', '_up_type', '_down_type', '_border'}

#: What is compared as it is.
PLAIN = {bool, bytes, int, str, type(None)}


@st.composite
def conversations(draw: st.DrawFn, ways: Ways) -> list[Turn]:
    """Draw what both peers send by turns: messages, one or several at once, and anything; cut some of it."""
    said = list(draw(st.sampled_from(ways.openings)))
    requests = st.sampled_from([request for request, _ in ways.usual] * 4 + ways.requests)
    replies = st.sampled_from([reply for _, reply in ways.usual] * 4 + ways.replies)
    for _ in range(draw(st.integers(1, 6))):
        for is_upstream, messages in ((True, requests), (False, replies)):
            data = b''.join(draw(st.lists(messages, max_size=3)))
            if draw(st.integers(0, 7)) == 0:
                data += draw(ways.anything)
            places = draw(st.lists(st.integers(0, 10_000), max_size=2)) if draw(st.integers(0, 3)) == 0 else []
            said += [(is_upstream, piece) for piece in feeding.cut(data, places)]
    return said


def feed(protocol: Framed[Any], is_upstream: bool, data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """Feed one chunk the way a link does; return what goes on and the marks."""
    if is_upstream:
        if len(data) < protocol.upstream_body:
            protocol.skip_upstream(len(data))
            return data, []
        given_back, marks = protocol.feed_upstream(data)
        return given_back, list(marks)
    if len(data) < protocol.downstream_body:
        protocol.skip_downstream(len(data))
        return data, []
    return data, list(protocol.feed_downstream(data))


def state_of(thing: Any) -> Any:
    """Return what *thing* is made of, to compare it."""
    if type(thing) in PLAIN:
        return thing
    if isinstance(thing, Statements):
        known = deepcopy(thing)
        known.go_to(1 << 62)  # when names come to stand for something is no matter, as long as nobody asks
        return known._known
    if isinstance(thing, (list, tuple, deque)):
        return [state_of(item) for item in thing]
    if not type(thing).__module__.startswith(('vaurien', 'httptools')):
        return thing
    kind = type(thing)
    return kind.__name__, {name: state_of(getattr(thing, name)) for name in slots_of(kind.__mro__)}


@cache
def slots_of(bases: tuple[type, ...]) -> list[str]:
    names = [name for base in bases for name in getattr(base, '__slots__', ())]
    return [name for name in names if not name.startswith('__')]


def check_state(quick: Framed[Any], full: Framed[Any]) -> None:
    for name in {*vars(full), 'opaque', 'upstream_body', 'downstream_body'} - SCRATCH:
        assert state_of(getattr(quick, name)) == state_of(getattr(full, name)), name


def check_conversation(ways: Ways, said: Iterable[Turn]) -> None:
    """Feed both ways with what both peers send, and compare the results and states."""
    quick, full = ways.quick(), ways.full()
    ways.prepare(quick)
    ways.prepare(full)
    for is_upstream, chunk in said:
        if full.opaque and is_upstream:
            continue
        assert feed(quick, is_upstream, chunk) == feed(full, is_upstream, chunk)
        assert quick.opaque == full.opaque
        if not full.opaque:
            check_state(quick, full)
        elif not is_upstream:  # else the replies to earlier requests go on
            return
    for protocol in (quick, full):
        protocol.withdraw()
    assert quick.end_upstream() == full.end_upstream()
    assert list(quick.end_downstream()) == list(full.end_downstream())


@pytest.mark.parametrize('name', WAYS)
def test_the_two_ways_agree_on_every_pair(name: str) -> None:
    """Try every request with every reply that the tests know, among usual ones, alone in a chunk and together."""
    ways = WAYS[name]
    (usual_request, usual_reply), *_ = ways.usual
    requests = [message for message in ways.requests if len(message) < LARGE] + [request for request, _ in ways.usual]
    replies = [message for message in ways.replies if len(message) < LARGE] + [reply for _, reply in ways.usual]
    for opening in ways.openings:
        for request in requests:
            for reply in replies:
                said = [(True, request), (False, reply), (True, usual_request), (False, usual_reply)]
                check_conversation(ways, [*opening, *said, *said])
                check_conversation(ways, [*opening, (True, request + usual_request), (False, reply + usual_reply)])
                check_conversation(ways, [*opening, (True, usual_request + request), (False, usual_reply + reply)])


@pytest.mark.parametrize('name', WAYS)
@given(st.data())
def test_the_two_ways_agree_on_anything(name: str, data: st.DataObject) -> None:
    check_conversation(WAYS[name], data.draw(conversations(WAYS[name])))


def test_nothing_is_left_of_a_batch_that_a_query_has_ended() -> None:
    ways = WAYS['postgres']
    said = [test_postgres.EXECUTE + test_postgres.QUERY, test_postgres.STEPS + test_postgres.SYNC]
    check_conversation(ways, [*ways.openings[0], *((True, data) for data in said)])


@pytest.mark.parametrize('name', WAYS)
def test_the_quick_way_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick way leaves no usual message, alone in a chunk, to the full way."""
    ways = WAYS[name]
    protocol = ways.quick()
    ways.prepare(protocol)
    for is_upstream, chunk in ways.openings[0]:
        feed(protocol, is_upstream, chunk)
    for way in ('_walk_upstream', '_walk_downstream'):
        monkeypatch.setattr(ways.quick, way, None)
    for request, reply in ways.usual:
        assert len(feed(protocol, True, request)[1]) == 1
        assert len(feed(protocol, False, reply)[1]) == 1
