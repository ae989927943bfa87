"""PostgreSQL: messages and marks of every flow, whole, byte by byte and with others around them.

These are the tests of all files in `vaurien/protocols/postgres/`, but for its ``quick.py``: see `test_quick`.
"""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import suppress
from itertools import accumulate

import pytest
from hypothesis import given, settings, strategies as st

from tests.protocols import feeding
from vaurien.protocols.base import (
    END,
    HEAD,
    INTERIM,
    OPAQUE,
    PART,
    PROMPT,
    REPLY,
    REQUEST,
    STATEMENT,
    UNANSWERED,
    ErrorReply,
    Mark,
    Opaque,
    Part,
)
from vaurien.protocols.postgres import Postgres


def message(kind: str, body: bytes = b'') -> bytes:
    return kind.encode() + struct.pack('>I', 4 + len(body)) + body


def packet(code: int, body: bytes = b'') -> bytes:
    return struct.pack('>II', 8 + len(body), code) + body


def authentication(code: int, body: bytes = b'') -> bytes:
    return message('R', struct.pack('>I', code) + body)


START = packet(3 << 16, b'user\0tester\0database\0shop\0\0')
SSL, GSSENC = packet(80877103), packet(80877104)
CANCEL = packet(80877102, b'\0\0\0\1\0\0\0\2')
QUERY = message('Q', b'SELECT 1\0')
CALL = message('F', b'\0\0\0\7\0\0\0\0\0\0')
PARSE = message('P', b'\0SELECT $1\0\0\0')
BIND = message('B', b'\0_pg3_0\0\0\0\0\1\0\0\0\1a\0\0')
DESCRIBE, EXECUTE, CLOSE = message('D', b'P\0'), message('E', b'\0\0\0\0\0'), message('C', b'Sa\0')
FLUSH, SYNC, TERMINATE = message('H'), message('S'), message('X')
STEPS = PARSE + BIND + DESCRIBE + EXECUTE
COPY_DATA, COPY_DONE, COPY_FAIL = message('d', b'row\n'), message('c'), message('f', b'no\0')
PASSWORD = message('p', b'secret\0')

READY, IN_TRANSACTION, FAILED = (message('Z', status) for status in (b'I', b'T', b'E'))
ROWS = message('T', b'\0\1a\0') + message('D', b'\0\1\0\0\0\1a') * 2
COMPLETE = message('C', b'SELECT 2\0')
FAILURE = message('E', b'SERROR\0C42P01\0Mno such table\0\0')
NOTICE, NOTIFICATION = message('N', b'SNOTICE\0\0'), message('A', b'\0\0\0\1a\0\0')
PARAMETER = message('S', b'TimeZone\0UTC\0')
COPY_IN, COPY_OUT, COPY_BOTH = (message(kind, b'\0\0\0') for kind in 'GHW')
WELCOME = authentication(0) + PARAMETER + message('K', b'\0\0\0\1\0\0\0\2') + READY
BIG = b'x' * 5000


def asked(*requests: bytes, status: bytes = READY) -> Postgres:
    """Return a protocol in a session that waits for the replies to *requests*; what is fed next is at position 0."""
    protocol = Postgres()
    protocol.feed_upstream(START)
    protocol.feed_downstream(WELCOME[: -len(READY)] + status)
    for request in requests:
        assert protocol.feed_upstream(request)[0] == request
    protocol._up_at = protocol._down_at = 0
    return protocol


def sent(pieces: list[bytes]) -> tuple[bytes, list[Mark]]:
    """Return what a new protocol gives back for *pieces*, and its marks as if each request had come whole."""
    given_back, marks = feeding.upstream(Postgres(), pieces)
    return given_back, feeding.uncut(marks)


def ways(data: bytes) -> list[list[bytes]]:
    return [[data], list(feeding.single(data)), feeding.cut(data, range(0, len(data), 7))]


REQUESTS = {
    'query': QUERY,
    'empty query': message('Q', b'\0'),
    'large query': message('Q', BIG + b'\0'),
    'like others': message('Q', SYNC + QUERY + b'\0'),
    'call': CALL,
    'large call': message('F', BIG),
    'batch': STEPS + SYNC,
    'sync alone': SYNC,
    'prepared': BIND + EXECUTE + SYNC,
    'flushed': PARSE + FLUSH + BIND + EXECUTE + FLUSH + SYNC,
    'pipeline': STEPS * 10 + CLOSE + SYNC,
    'large parse': message('P', b'\0' + BIG + b'\0\0\0') + SYNC,
    'large bind': PARSE + message('B', BIG) + EXECUTE + SYNC,
    'like a sync': PARSE + message('B', SYNC) + SYNC,
    'query in a batch': PARSE + QUERY,
    'copy data in a batch': EXECUTE + COPY_DATA + COPY_DONE + PASSWORD + SYNC,
}


@pytest.mark.parametrize('request_', REQUESTS.values(), ids=REQUESTS)
class TestRequests:
    def test_whole(self, request_: bytes) -> None:
        given_back, marks = asked().feed_upstream(request_)
        assert given_back is request_
        assert list(marks) == [(REQUEST, len(request_))]

    def test_among_others(self, request_: bytes) -> None:
        messages = [START, QUERY, request_, STEPS + SYNC, request_]
        data = b''.join(messages)
        expected = [(REQUEST, end) for end in accumulate(map(len, messages))]
        for pieces in ways(data):
            assert sent(pieces) == (data, expected)

    def test_reply(self, request_: bytes) -> None:
        replies = [ROWS + COMPLETE + READY, FAILURE + FAILED, READY]
        expected = [(REPLY, end) for end in accumulate(map(len, replies))]
        for pieces in ways(b''.join(replies)):
            assert feeding.downstream(asked(QUERY, request_, QUERY), pieces) == expected


class TestHeads:
    def test_of_a_large_query(self) -> None:
        protocol = asked()
        data = REQUESTS['large query']
        assert protocol.feed_upstream(data[:1023]) == (b'', [])
        assert protocol.feed_upstream(data[1023:2000]) == (data[:2000], [(HEAD, 1024)])
        assert protocol.upstream_body == len(data) - 2000
        protocol.skip_upstream(1000)
        assert protocol.feed_upstream(data[3000:] + QUERY)[1] == [
            (END, len(data)),
            (REQUEST, len(data + QUERY)),
        ]
        assert protocol.upstream_body == 0

    def test_of_a_batch(self) -> None:
        protocol = asked()
        assert protocol.feed_upstream(PARSE[:-1]) == (b'', [])
        assert protocol.feed_upstream(PARSE[-1:] + BIND[:3]) == (PARSE, [(HEAD, len(PARSE))])
        assert protocol.feed_upstream(BIND[3:]) == (BIND, [])
        assert protocol.feed_upstream(SYNC) == (SYNC, [(END, len(PARSE + BIND + SYNC))])

    def test_what_was_held_is_given_at_the_end(self) -> None:
        protocol = asked()
        protocol.feed_upstream(QUERY + QUERY[:9])
        assert protocol.end_upstream() == QUERY[:9]
        assert protocol.end_upstream() == b''


class TestStartup:
    @pytest.mark.parametrize('denied', [(), (SSL,), (GSSENC, SSL)])
    def test_encryption_denied(self, denied: tuple[bytes, ...]) -> None:
        data = b''.join(denied) + START
        expected = [(REQUEST, end) for end in accumulate(map(len, [*denied, START]))]
        for pieces in ways(data):
            assert sent(pieces) == (data, expected)
        ends = [(REPLY, n + 1) for n in range(len(denied))]
        for pieces in ways(b'N' * len(denied) + WELCOME):
            protocol = Postgres()
            protocol.feed_upstream(data)
            assert feeding.downstream(protocol, pieces) == [*ends, (REPLY, len(denied) + len(WELCOME))]

    @pytest.mark.parametrize(('asking', 'answer', 'name'), [(SSL, b'S', 'TLS'), (GSSENC, b'G', 'GSSAPI')])
    def test_encryption_granted(self, asking: bytes, answer: bytes, name: str) -> None:
        for pieces in ways(answer + b'\x16\x03\x01'):
            protocol = Postgres()
            protocol.feed_upstream(asking)
            assert feeding.downstream(protocol, pieces) == [(REPLY, 1), (OPAQUE, 1)]
            assert protocol.opaque == Opaque(name)

    @pytest.mark.parametrize('request_', [SSL, GSSENC, START])
    def test_refused_with_an_error(self, request_: bytes) -> None:
        for pieces in ways(FAILURE + NOTICE):
            protocol = Postgres()
            protocol.feed_upstream(request_)
            assert feeding.downstream(protocol, pieces) == [(REPLY, len(FAILURE)), (INTERIM, len(FAILURE + NOTICE))]

    @pytest.mark.parametrize(('request_', 'answer'), [(SSL, b'G'), (GSSENC, b'S'), (SSL, b'x')])
    def test_answered_with_anything_else(self, request_: bytes, answer: bytes) -> None:
        protocol = Postgres()
        protocol.feed_upstream(request_)
        assert feeding.downstream(protocol, [answer]) == [(OPAQUE, 0)]
        assert feeding.is_unparsed(protocol)

    def test_cancel(self) -> None:
        for pieces in ways(CANCEL):
            assert sent(pieces) == (CANCEL, [(REQUEST, len(CANCEL)), (UNANSWERED, len(CANCEL))])

    @pytest.mark.parametrize('code', [3, 5, 7, 8, 10, 11])
    def test_asked_to_prove_it(self, code: int) -> None:
        prompt = message('v', b'\0\0\0\0\0\0\0\0') + authentication(code, b'salt')
        data = prompt + NOTICE + authentication(12, b'v=') + WELCOME
        for pieces in ways(data):
            protocol = Postgres()
            protocol.feed_upstream(START)
            assert feeding.downstream(protocol, pieces) == [(PROMPT, len(prompt)), (REPLY, len(data))]

    def test_proof_is_part_of_the_startup(self) -> None:
        data = START + PASSWORD + PASSWORD + QUERY
        expected = [len(START), len(START + PASSWORD), len(START + PASSWORD * 2), len(data)]
        given_back, marks = feeding.upstream(Postgres(), [data])
        assert given_back == data
        assert marks == list(zip((REQUEST, END, END, REQUEST), expected, strict=True))
        assert feeding.upstream(Postgres(), feeding.single(data))[0] == data


class TestCopy:
    ROWS = COPY_DATA + COPY_DATA + message('d', BIG)

    def test_out(self) -> None:
        data = COPY_OUT + self.ROWS + COPY_DONE + COMPLETE + READY
        for pieces in ways(data):
            assert feeding.downstream(asked(QUERY), pieces) == [(REPLY, len(data))]

    @pytest.mark.parametrize('end', [COPY_DONE, COPY_FAIL])
    def test_in(self, end: bytes) -> None:
        for pieces in ways(self.ROWS + end + QUERY):
            protocol = asked(QUERY)
            assert list(protocol.feed_downstream(COPY_IN)) == [(PROMPT, len(COPY_IN))]
            given_back, marks = feeding.upstream(protocol, pieces)
            assert given_back == self.ROWS + end + QUERY
            at = len(self.ROWS + end)
            assert feeding.uncut(marks) == [(REQUEST, at), (REQUEST, at + len(QUERY))]
            assert marks[0] == (END, at)
            last = len(COPY_IN + COMPLETE + READY)
            assert list(protocol.feed_downstream(COMPLETE + READY)) == [(REPLY, last)]

    @pytest.mark.parametrize('end', [COPY_DONE, COPY_FAIL])
    def test_in_by_a_batch(self, end: bytes) -> None:
        """The server ignores the Sync of the batch: the request goes on up to the first Sync after the COPY."""
        for pieces in ways(self.ROWS + SYNC + end + SYNC):
            protocol = asked(STEPS + SYNC)
            assert list(protocol.feed_downstream(COPY_IN)) == [(PROMPT, len(COPY_IN))]
            marks = feeding.upstream(protocol, pieces)[1]
            assert marks == [(END, len(self.ROWS + SYNC + end + SYNC))]
            last = len(COPY_IN + COMPLETE + READY)
            assert list(protocol.feed_downstream(COMPLETE + READY)) == [(REPLY, last)]

    def test_in_by_a_batch_that_is_not_synced(self) -> None:
        protocol = asked(STEPS + FLUSH)
        assert feeding.downstream(protocol, [COPY_IN]) == [(PROMPT, len(COPY_IN))]
        assert feeding.upstream(protocol, [SYNC + COPY_DATA + COPY_DONE])[1] == []
        assert [kind for kind, _ in protocol.feed_downstream(COMPLETE)] == [PART]
        assert [kind for kind, _ in protocol.feed_upstream(SYNC)[1]] == [END]
        assert [kind for kind, _ in protocol.feed_downstream(READY)] == [REPLY]

    def test_in_by_a_batch_fails(self) -> None:
        protocol = asked(STEPS + SYNC)
        protocol.feed_downstream(COPY_IN)
        assert [kind for kind, _ in protocol.feed_downstream(FAILURE)] == [PART]
        assert [kind for kind, _ in protocol.feed_upstream(COPY_DATA + COPY_DONE + SYNC + QUERY)[1]] == [END, REQUEST]
        assert [kind for kind, _ in protocol.feed_downstream(READY + READY)] == [REPLY, REPLY]

    def test_in_by_a_batch_fails_before_its_sync_was_read(self) -> None:
        protocol = asked(STEPS + SYNC)
        protocol.feed_downstream(COPY_IN)
        assert [kind for kind, _ in protocol.feed_downstream(FAILURE + READY)] == [PART, REPLY]
        assert [kind for kind, _ in protocol.feed_upstream(QUERY)[1]] == [REQUEST]
        assert [kind for kind, _ in protocol.feed_downstream(READY)] == [REPLY]

    @pytest.mark.parametrize('kind', 'QFPS')
    def test_stray_data_belongs_to_no_request(self, kind: str) -> None:
        """The backend gave up the COPY, and then the client did, too."""
        request = message(kind) + (SYNC if kind == 'P' else b'')
        for pieces in ways(COPY_DATA * 2 + request):
            marks = feeding.upstream(asked(), pieces)[1]
            end = len(COPY_DATA * 2)
            assert marks[0] == (END, end)
            assert feeding.uncut(marks[1:]) == [(REQUEST, end + len(request))]

    def test_both_ways_is_replication(self) -> None:
        for pieces in ways(NOTICE + COPY_BOTH + COPY_DATA):
            protocol = asked(QUERY)
            assert feeding.downstream(protocol, pieces) == [(OPAQUE, len(NOTICE))]
            assert protocol.opaque == Opaque('replication')


class TestUnasked:
    @pytest.mark.parametrize('unasked', [NOTICE, NOTIFICATION, PARAMETER, FAILURE, READY, COPY_IN, COPY_BOTH])
    def test_is_no_reply(self, unasked: bytes) -> None:
        for pieces in ways(unasked * 2):
            assert feeding.downstream(asked(), pieces) == [(INTERIM, len(unasked)), (INTERIM, 2 * len(unasked))]

    @pytest.mark.parametrize('among', [NOTICE, NOTIFICATION, PARAMETER, FAILURE, message('D', BIG)])
    def test_goes_by_within_a_reply(self, among: bytes) -> None:
        data = among + ROWS + among + COMPLETE + READY
        for pieces in ways(data):
            assert feeding.downstream(asked(QUERY), pieces) == [(REPLY, len(data))]

    def test_before_the_sync(self) -> None:
        """The client may wait for what comes before its Sync: only what comes after it may be held back."""
        replies = [message('1'), message('2'), ROWS]
        ends = list(accumulate(map(len, [READY, *replies[:2]])))
        for pieces in ways(READY + b''.join(replies[:2])):
            protocol = asked(QUERY, STEPS + FLUSH)
            assert feeding.downstream(protocol, pieces) == [(REPLY, ends[0]), (PART, ends[1]), (PART, ends[2])]
            assert list(protocol.feed_downstream(READY)) == [(PART, ends[2] + len(READY))]
            protocol.feed_upstream(SYNC)
            assert [kind for kind, _ in protocol.feed_downstream(ROWS + COMPLETE + READY)] == [REPLY]


class TestEnds:
    @pytest.mark.parametrize('before', [[], [QUERY], [STEPS + SYNC]])
    def test_terminate(self, before: list[bytes]) -> None:
        for pieces in ways(TERMINATE):
            protocol = asked(*before)
            protocol.feed_downstream(READY * len(before))
            assert feeding.upstream(protocol, pieces)[1] == [(REQUEST, 5), (UNANSWERED, 5)]

    def test_flush_of_nothing(self) -> None:
        """A Flush opens no batch: no Sync has to follow."""
        for pieces in ways(FLUSH + QUERY):
            assert feeding.upstream(asked(), pieces)[1] == [(END, 5), (REQUEST, 5 + len(QUERY))]

    @pytest.mark.parametrize('before', [QUERY, STEPS])
    def test_terminate_while_a_reply_is_due(self, before: bytes) -> None:
        for pieces in ways(TERMINATE):
            assert feeding.upstream(asked(before), pieces)[1] == [(END, 5)]

    def test_backend_leaves(self) -> None:
        protocol = asked(QUERY)
        assert list(protocol.feed_downstream(FAILURE + ROWS[:3])) == []
        assert list(protocol.end_downstream()) == [(REPLY, len(FAILURE) + 3)]
        assert list(protocol.end_downstream()) == []

    def test_withdrawn_requests_are_not_expected(self) -> None:
        protocol = asked(STEPS)
        protocol.withdraw()
        assert [kind for kind, _ in protocol.feed_upstream(SYNC + QUERY)[1]] == [END, REQUEST]
        assert [kind for kind, _ in protocol.feed_downstream(READY)] == [REPLY]
        protocol.withdraw()
        assert [kind for kind, _ in protocol.feed_downstream(READY)] == [INTERIM]


REFUSED = {
    'unknown': message('x'),
    'reply': READY,
    'too short': b'Q\0\0\0\3',
    'too long': b'Q\x40\0\0\0',
    'sync with a body': message('S', b'a'),
    'flush with a body': message('H', b'a'),
}


@pytest.mark.parametrize('refused', REFUSED.values(), ids=REFUSED)
def test_refused_upstream(refused: bytes) -> None:
    for before in (QUERY, STEPS, COPY_DATA):
        data = before + refused + QUERY
        for pieces in ways(data):
            protocol = asked()
            given_back, marks = feeding.upstream(protocol, pieces)
            assert given_back == data
            assert marks[-1] == (OPAQUE, len(before))
            assert feeding.is_unparsed(protocol)


@pytest.mark.parametrize(
    'refused', [b'GET / HTTP/1.1\r\n', b'\0\0\0\7', b'\0\0\x27\x11', packet(2 << 16), packet(80877105), b'PING\r\n']
)
def test_refused_at_the_start(refused: bytes) -> None:
    for pieces in ways(refused):
        protocol = Postgres()
        assert feeding.upstream(protocol, pieces) == (refused, [(OPAQUE, 0)])
        assert feeding.is_unparsed(protocol)


@pytest.mark.parametrize(
    'refused', [b'x\0\0\0\4', b'D\0\0\0\3', b'D\x40\0\0\0', b'Z\0\0\0\4I', b'R\0\0\0\7....', b'Efork failed\n\0']
)
def test_refused_downstream(refused: bytes) -> None:
    for pieces in ways(ROWS + refused + READY):
        protocol = asked(QUERY)
        assert feeding.downstream(protocol, pieces) == [(OPAQUE, len(ROWS))]
        assert feeding.is_unparsed(protocol)


def test_replies_after_a_refused_request() -> None:
    protocol = asked(QUERY)
    protocol.feed_upstream(REFUSED['unknown'])
    assert [kind for kind, _ in protocol.feed_downstream(ROWS + COMPLETE + READY)] == [REPLY]


def test_held_is_bounded() -> None:
    protocol = Postgres()
    assert protocol.feed_upstream(struct.pack('>II', 10_000, 3 << 16) + bytes(9_991)) == (b'', [])
    assert len(protocol.feed_upstream(bytes(1))[0]) == 10_000
    assert protocol.feed_upstream(b'Q\0\x10\0\0' + bytes(1018)) == (b'', [])
    assert len(protocol.feed_upstream(bytes(1))[0]) == 1024


def test_large_messages_cost_no_memory() -> None:
    chunk = bytes(1 << 16)
    size = 200 << 20
    head = struct.pack('>I', size + 4)
    protocol = asked(QUERY)
    tracemalloc.start()
    assert feeding.downstream(protocol, [b'D' + head, *[chunk] * 3199]) == []
    given_back = sum(len(protocol.feed_upstream(piece)[0]) for piece in [b'd' + head, chunk, chunk])
    assert tracemalloc.get_traced_memory()[1] < 500_000
    tracemalloc.stop()
    assert given_back == 5 + 2 * len(chunk)
    assert protocol.downstream_body == 1 << 16
    assert protocol.upstream_body == size - 2 * len(chunk)
    assert protocol.feed_downstream(chunk + READY) == [(REPLY, 5 + size + len(READY))]


# Any stream of valid messages.

blobs = st.one_of(st.binary(max_size=12), st.sampled_from([SYNC, READY, QUERY, BIG, b'']))
cuts = st.lists(st.integers(0, 20_000), max_size=12)
steps = st.builds(message, st.sampled_from('PBDEC'), blobs)
batches = st.lists(st.tuples(steps, st.sampled_from([b'', FLUSH])), max_size=6).map(
    lambda parts: b''.join([*(step + flush for step, flush in parts), SYNC])
)
queries = st.builds(message, st.sampled_from('QF'), blobs)
requests = st.one_of(queries, batches)
parts = st.builds(message, st.sampled_from('SKTDCInt123sENAHdcVv'), blobs)
replies = st.builds(
    lambda some, end: b''.join(some) + end, st.lists(parts, max_size=6), st.sampled_from([READY, FAILED])
)


@given(st.lists(requests, max_size=8), cuts)
def test_requests_cut_anywhere(messages: list[bytes], places: list[int]) -> None:
    messages = [START, *messages]
    data = b''.join(messages)
    expected = [(REQUEST, end) for end in accumulate(map(len, messages))]
    for pieces in ([data], feeding.cut(data, places), messages):
        assert sent(pieces) == (data, expected)


@given(st.lists(st.tuples(requests, replies), max_size=8), cuts)
def test_replies_cut_anywhere(talk: list[tuple[bytes, bytes]], places: list[int]) -> None:
    messages = [reply for _, reply in talk]
    data = b''.join(messages)
    expected = [(REPLY, end) for end in accumulate(map(len, messages))]
    for pieces in ([data], feeding.cut(data, places), messages):
        assert feeding.downstream(asked(*[request for request, _ in talk]), pieces) == expected


# Any bytes at all.

specials = [START, SSL, CANCEL, TERMINATE, COPY_DATA, COPY_DONE, PASSWORD, COPY_IN, COPY_BOTH, authentication(3)]
fragments = st.one_of(requests, replies, st.sampled_from(specials), steps, st.binary(max_size=8))
anything = feeding.anything(fragments)


@given(st.sampled_from([b'', START, SSL]), anything, cuts)
def test_any_bytes_upstream(first: bytes, data: bytes, places: list[int]) -> None:
    data = first + data
    whole, marks = sent([data])
    assert whole == data
    assert sent(feeding.cut(data, places)) == (data, marks)


@given(anything, cuts, st.lists(st.one_of(requests, steps), max_size=6), st.sampled_from([b'', START, SSL]))
def test_any_bytes_downstream(data: bytes, places: list[int], before: list[bytes], first: bytes) -> None:
    protocols = [Postgres(), Postgres()] if first else [asked(), asked()]
    for protocol in protocols:
        feeding.upstream(protocol, [first] if first else before)
    marks = feeding.downstream(protocols[0], [data])
    assert feeding.downstream(protocols[1], feeding.cut(data, places)) == marks


@given(st.lists(st.tuples(st.booleans(), anything), max_size=8))
def test_both_streams_by_turns(chunks: list[tuple[bool, bytes]]) -> None:
    protocol = asked()
    given_back = bytearray()
    for is_upstream, data in chunks:
        if protocol.opaque:
            break
        if not is_upstream:
            protocol.feed_downstream(data)
        elif len(data) < protocol.upstream_body:
            protocol.skip_upstream(len(data))
            given_back += data
        else:
            given_back += protocol.feed_upstream(data)[0]
    given_back += protocol.end_upstream()
    fed = b''.join(data for is_upstream, data in chunks if is_upstream)
    assert fed.startswith(given_back)
    assert protocol.opaque or fed == given_back


class TestDescribe:
    @pytest.mark.parametrize(
        ('request_', 'text'),
        [
            (QUERY, 'SELECT 1'),
            (QUERY + message('Q', b'SELECT 2\0'), 'SELECT 1'),
            (message('Q', b'SELECT a,\n\t b\n FROM t\0'), 'SELECT a, b FROM t'),
            (message('Q', "SELECT 'é\x01'".encode() + b'\xff\0'), "SELECT 'é\\x01'\\xff"),
            (message('Q', b'SELECT ' + b'x' * 300 + b'\0'), 'SELECT ' + 'x' * 193),
            (REQUESTS['large query'][:1024], 'x' * 200),
            (message('Q', b'\0'), 'Query'),
            (
                message('Q', b"ALTER ROLE a LOGIN ENCRYPTED password\n 'secret'\0"),
                'ALTER ROLE a LOGIN ENCRYPTED password',
            ),
            (message('Q', b"SELECT dblink('host=a passwd=secret')\0"), "SELECT dblink('host=a passwd"),
            (message('Q', b"SELECT dblink('postgres://me:secret@host/db')\0"), "SELECT dblink('postgres://me:"),
            (message('P', b"name\0CREATE USER a PASSWORD 'secret'\0\0\0") + SYNC, 'CREATE USER a PASSWORD'),
            (STEPS + SYNC, 'SELECT $1'),
            (message('P', b'a\0\0\0\0'), 'Parse'),
            (BIND + EXECUTE + SYNC, 'Bind _pg3_0'),
            (DESCRIBE + SYNC, 'Describe '),
            (CLOSE + SYNC, 'Close a'),
            (message('E', b'portal\0\0\0\0\0') + SYNC, 'Execute portal'),
            (CALL, 'FunctionCall 7'),
            (SYNC, 'Sync '),
            (TERMINATE, 'Terminate '),
            (START, 'startup tester@shop'),
            (packet(3 << 16, b'user\0tester\0\0'), 'startup tester@tester'),
            (packet(3 << 16, b'\0'), 'startup @'),
            (SSL, 'SSLRequest'),
            (GSSENC, 'GSSENCRequest'),
            (CANCEL, 'CancelRequest'),
            (PASSWORD, f'{len(PASSWORD)} bytes'),
            (COPY_DATA, f'{len(COPY_DATA)} bytes'),
            (b'Q\0\0\0', '4 bytes'),
            (START[:7], '7 bytes'),
            (b'', '0 bytes'),
        ],
    )
    def test_table(self, request_: bytes, text: str) -> None:
        assert Postgres().describe(request_) == text.rstrip()

    @given(st.one_of(st.binary(), anything))
    def test_printable_and_short(self, request_: bytes) -> None:
        text = Postgres().describe(request_)
        assert text.isprintable()
        assert 0 < len(text) <= 200


def parse(name: bytes, statement: bytes) -> bytes:
    return message('P', name + b'\0' + statement + b'\0\0\0')


def bind(name: bytes) -> bytes:
    return message('B', b'\0' + name + b'\0\0\0\0\0\0\0')


def close(name: bytes) -> bytes:
    return message('C', b'S' + name + b'\0')


class TestPrepared:
    """Tests that a request which begins with a Bind has the text of its statement."""

    def texts(self, *requests: bytes) -> list[str | None]:
        """Return the texts of *requests*, each of which is answered before the next."""
        protocol = asked()
        describer = feeding.Describer(protocol, 0)
        for request in requests:
            describer.feed(request)
            describer.describe()
            protocol.feed_downstream(READY)
        return describer.texts

    @pytest.mark.parametrize('name', [b'', b'_pg3_0', b'x' * 900])
    @pytest.mark.parametrize(
        ('statement', 'text'),
        [
            (b'SELECT $1', 'SELECT $1'),
            (b'SELECT\n  1', 'SELECT 1'),
            (b'SELECT ' + BIG, 'SELECT ' + 'x' * 193),
            (b"ALTER ROLE a PASSWORD 'secret'", 'ALTER ROLE a PASSWORD'),
        ],
    )
    def test_by_its_statement(self, name: bytes, statement: bytes, text: str) -> None:
        texts = self.texts(parse(name, statement) + SYNC, bind(name) + EXECUTE + SYNC, bind(name) + SYNC)
        if name[:1] == b'x':  # so long a name leaves less of the head to the statement
            assert [each and text.startswith(each[:100]) for each in texts] == [True] * 3
        else:
            assert texts == [text] * 3

    def test_by_its_name(self) -> None:
        """A Bind shows the name of a statement that is not known, or that was closed."""
        known = parse(b'a', b'SELECT 1') + SYNC
        assert self.texts(bind(b'a') + SYNC) == ['Bind a']
        assert self.texts(parse(b'a', b'') + SYNC, bind(b'a') + SYNC) == ['Parse', 'Bind']
        assert self.texts(known, close(b'a') + SYNC, bind(b'a') + SYNC) == ['SELECT 1', 'Close a', 'Bind a']
        portal = message('C', b'Pa\0') + SYNC
        assert self.texts(known, portal, bind(b'a') + SYNC) == ['SELECT 1', 'Close a', 'SELECT 1']
        assert self.texts(known, message('C') + SYNC, bind(b'a') + SYNC) == ['SELECT 1', 'Close', 'SELECT 1']

    def test_within_one_request(self) -> None:
        """The first Bind of a request means what was prepared before the request."""
        again = bind(b'a') + close(b'a') + parse(b'a', b'SELECT 2') + bind(b'a') + SYNC
        texts = self.texts(parse(b'a', b'SELECT 1') + SYNC, again, bind(b'a') + SYNC)
        assert texts == ['SELECT 1', 'SELECT 1', 'SELECT 2']

    def test_only_what_does_not_refer_to_it_is_always_the_same(self) -> None:
        protocol = asked()
        lasting = [QUERY, STEPS + SYNC, SYNC, EXECUTE + SYNC, START, b'']
        assert all(protocol.describes_itself(request) for request in lasting)
        assert not protocol.describes_itself(BIND + SYNC)


#: Statements, and how they are shown.
SHOWN = {b'SELECT 1': 'SELECT 1', b'SELECT 2': 'SELECT 2', b'SELECT ' + BIG: 'SELECT ' + 'x' * 193, b'': ''}
naming_steps = st.tuples(
    st.sampled_from(['Parse', 'Parse', 'Bind', 'Bind', 'Close', 'Execute']),
    st.sampled_from([b'', b'a']),
    st.sampled_from(list(SHOWN)),
)
#: What the proxy does after a batch: it waits for more, describes what it has or not, has it answered as well or not.
turns = st.sampled_from(['wait', 'hold', 'skip', 'skip, answer', 'describe', 'describe, answer'])


def make_step(kind: str, name: bytes, statement: bytes) -> bytes:
    if kind == 'Parse':
        return parse(name, statement)
    if kind == 'Execute':
        return message('E', name + b'\0\0\0\0\0')
    return bind(name) if kind == 'Bind' else close(name)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.lists(naming_steps, min_size=1, max_size=3), st.integers(0, 60), turns), min_size=3, max_size=9
    )
)
def test_statements_by_the_order_of_requests(sent: list[tuple[list[tuple[str, bytes, bytes]], int, str]]) -> None:
    """A request has the text of what was prepared before it, wherever chunks end and whenever it is described."""
    protocol = asked()
    describer = feeding.Describer(protocol, 0)
    known: dict[bytes, bytes] = {}
    expected: list[str] = []
    answered = 0
    waiting = b''
    for batch, place, turn in sent:
        kind, name, statement = batch[0]
        meant = {'Parse': statement, 'Bind': known.get(name)}.get(kind)
        expected.append(f'{kind} {name.decode()}'.rstrip() if meant is None else SHOWN[meant] or kind)
        for kind, name, statement in batch:
            if kind == 'Parse':
                known[name] = statement
            elif kind == 'Close':
                known.pop(name, None)
            waiting += make_step(kind, name, statement)
        waiting += SYNC
        if turn == 'wait':
            continue
        for piece in feeding.cut(waiting, [place] if place else []):
            describer.feed(piece)
        waiting = b''
        if turn.startswith('skip'):
            describer.skip()
        elif turn.startswith('describe'):
            describer.describe()
        if turn.endswith('answer'):
            protocol.feed_downstream(READY * (describer.ended - answered))
            answered = describer.ended
    describer.feed(waiting)
    describer.describe()
    describer.check(expected)


class TestStatementsOfOneRequest:
    """Tests what a rule can be aimed at within a batch, and within the text of a Query."""

    FIRST, SECOND = (parse(b'a', b'SELECT 1') + DESCRIBE + bind(b'a') + EXECUTE for _ in range(2))

    @pytest.mark.parametrize(
        ('steps', 'further'),
        [
            ([FIRST], []),
            ([FIRST, SECOND], [1]),
            ([FIRST, bind(b'a') + EXECUTE, bind(b'a')], [1, 2]),
            ([bind(b'b') + EXECUTE + EXECUTE, bind(b'a') + DESCRIBE + FLUSH, parse(b'', b'SELECT 2')], [1, 2]),
            ([parse(b'', b''), bind(b'a')], [1]),
            ([CLOSE + EXECUTE, FIRST, SECOND + CLOSE], [1, 2]),
            ([parse(b'', BIG), message('B', b'\0' * 2 + BIG) + EXECUTE], []),
        ],
    )
    def test_in_a_batch(self, steps: list[bytes], further: list[int]) -> None:
        data = b''.join(steps) + SYNC
        begins = [0, *accumulate(map(len, steps))]
        for pieces in ways(data):
            protocol = asked()
            protocol.mark_statements(True)
            given_back, marks = feeding.upstream(protocol, [*pieces, QUERY])
            assert given_back == data + QUERY
            assert [position for kind, position in marks if kind == STATEMENT] == [begins[number] for number in further]
            rest = feeding.uncut(mark for mark in marks if mark[0] != STATEMENT)
            assert rest == [(REQUEST, len(data)), (REQUEST, len(data + QUERY))]

    def test_only_if_asked_for(self) -> None:
        protocol = asked()
        for wanted, marks in ((True, [HEAD, STATEMENT, END]), (False, [REQUEST])):
            protocol.mark_statements(wanted)
            assert [kind for kind, _ in protocol.feed_upstream(self.FIRST + self.SECOND + SYNC)[1]] == marks

    def test_in_a_query(self) -> None:
        query = message('Q', b"BEGIN; SELECT ';';\n COMMIT;\0")
        assert asked().split(query) == [
            (message('Q', b'BEGIN\0'), None),
            (message('Q', b" SELECT ';'\0"), query[:11]),
            (message('Q', b'\n COMMIT\0'), query[:23]),
        ]
        for request in (QUERY, STEPS + SYNC, message('Q', b'SELECT 1;\0'), message('Q', b';\0'), START, b'', b'Q'):
            assert asked().split(request) == (Part(request),)

    @pytest.mark.parametrize('is_cut', [False, True])
    def test_refused(self, is_cut: bool) -> None:
        """Everything passes but the server's error and the end; an error of another statement is the client's."""
        own = message('E', b'SERROR\0C42703\0Mcolumn "injected by vaurien" does not exist\0\0')
        for lead in (message('Q', b'BEGIN;\0')[:-1], b''):
            for error, shown in ((own, b''), (FAILURE, FAILURE)):
                protocol = asked()
                protocol.begin_fault(QUERY, 'seed', 0, lead)
                refusal = protocol.refuse()
                assert lead[5:] in refusal.request
                assert b'injected by vaurien' in refusal.request
                reply = ROWS + COMPLETE + NOTICE + error + READY
                pieces = feeding.single(reply) if is_cut else [reply]
                assert b''.join(map(refusal.feed, pieces)) == ROWS + COMPLETE + NOTICE + shown
                assert refusal.rest == READY
                assert refusal.is_met == (error is own)

    def test_what_was_dropped_is_not_prepared(self) -> None:
        """The statement without a name is none, as on the server, where a failed Parse destroys it first."""
        protocol = asked()
        describer = feeding.Describer(protocol, 0)
        first = parse(b'a', b'SELECT 1') + parse(b'', b'SELECT 2') + SYNC
        describer.feed(first)
        protocol.feed_downstream(READY)
        dropped = parse(b'b', b'SELECT 3') + close(b'a') + parse(b'', b'SELECT 4') + SYNC
        describer.feed(dropped)
        describer.feed(bind(b'a') + SYNC)
        describer.feed(bind(b'b') + SYNC)
        describer.feed(bind(b'') + SYNC)
        protocol.on_dropped(len(first), len(first + dropped))
        describer.describe()
        assert describer.texts[2:] == ['SELECT 1', 'Bind b', 'Bind']


class TestError:
    def test_admin_shutdown(self) -> None:
        protocol = asked(QUERY)
        protocol.begin_fault(QUERY, 'seed')
        fields = b'SFATAL\0VFATAL\0C57P01\0Minjected by vaurien\0\0'
        assert protocol.error() == ErrorReply(message('E', fields), closes=True)

    @pytest.mark.parametrize(('status', 'then'), [(READY, READY), (IN_TRANSACTION, FAILED), (FAILED, FAILED)])
    @pytest.mark.parametrize('request_', [QUERY, CALL, STEPS + SYNC])
    def test_serialization_failure(self, request_: bytes, status: bytes, then: bytes) -> None:
        protocol = asked(request_, status=status)
        protocol.begin_fault(request_, 'seed')
        fields = b'SERROR\0VERROR\0C40001\0Minjected by vaurien\0\0'
        error = protocol.error(sqlstate='40001')
        assert error == ErrorReply(message('E', fields) + then)
        assert [kind for kind, _ in protocol.feed_downstream(error.data)] == [REPLY]

    def test_with_a_message(self) -> None:
        protocol = asked(QUERY)
        protocol.begin_fault(QUERY, 'seed')
        error = protocol.error('53100', 'disk full')
        assert message('E', b'SERROR\0VERROR\0C53100\0Mdisk full\0\0') in error.data

    @pytest.mark.parametrize('state', [*(f'57P0{n}' for n in range(1, 6)), '08006', '08P01', '53300', '25P03', '25P04'])
    def test_fatal_states_close(self, state: str) -> None:
        protocol = asked(QUERY)
        protocol.begin_fault(QUERY, 'seed')
        assert protocol.error(sqlstate=state).closes

    @pytest.mark.parametrize('state', ['57014', '40P01', '53200', '23505'])
    def test_others_do_not(self, state: str) -> None:
        protocol = asked(QUERY)
        protocol.begin_fault(QUERY, 'seed')
        assert not protocol.error(sqlstate=state).closes

    @pytest.mark.parametrize(
        ('statement', 'would_fail'),
        [
            *(('SELECT 1', False), ('COMMIT', True), ('-- why\nROLLBACK', True), ('ROLLBACK TO a', True)),
            *(("ROLLBACK PREPARED 'a'", False), ("/* a */ COMMIT PREPARED 'a'", False)),
        ],
    )
    def test_a_failed_transaction_has_errors_of_its_own(self, statement: str, would_fail: bool) -> None:
        request = message('Q', statement.encode() + b'\0')
        protocol = asked(request, status=FAILED)
        protocol.begin_fault(request, 'seed')
        assert protocol.would_fail(sqlstate='40001') == would_fail

    @pytest.mark.parametrize('request_', [START, SSL, GSSENC, CANCEL, TERMINATE, b''])
    def test_nothing_goes_on_without_a_session(self, request_: bytes) -> None:
        protocol = Postgres()
        protocol.begin_fault(request_, 'seed')
        error = protocol.error(sqlstate='40001')
        assert error.closes
        assert error.data.startswith(b'E')
        assert b'SFATAL\0' in error.data

    def test_before_the_sync(self) -> None:
        """The client may wait for the error before it sends its Sync."""
        protocol = asked(STEPS)
        protocol.begin_fault(STEPS, 'seed')
        error = protocol.error(sqlstate='40001')
        assert error.data == READY
        assert error.early
        assert not error.closes
        protocol.feed_upstream(message('B', BIG)[:-1])
        assert not protocol.error(sqlstate='40001').early


LONG = ', (1)' * 1000


@pytest.mark.parametrize(
    ('statement', 'needed'),
    [
        ('INSERT INTO t VALUES (1) RETURNING a', True),
        ('INSERT INTO t VALUES (1)', False),
        ('-- why\n(WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT * FROM x)', True),
        ('COPY (DELETE FROM t RETURNING a) TO STDOUT', True),
        ('COPY (SELECT 1) TO STDOUT', False),
        ("COPY t (a) FROM STDIN (NULL 'returning')", False),
        ('EXECUTE q', True),
        ('EXPLAIN (COSTS OFF, ANALYSE) INSERT INTO t VALUES (1)', True),
        ('EXPLAIN INSERT INTO t VALUES (1)', False),
        ('SELECT 1', False),
        ("CALL p('RETURNING')", False),
        (f'INSERT INTO t VALUES (1){LONG}', True),
        (f'SELECT 1 IN (1{LONG}', True),
        (f'/* {LONG} */ INSERT INTO t VALUES (1) RETURNING a', True),
        (f'-- {LONG}', True),
        (f'DO $$ {LONG} $$', False),
        (f'EXECUTE q(1{LONG}', True),
    ],
)
@pytest.mark.parametrize('is_prepared', [False, True])
def test_what_needs_a_guard(statement: str, needed: bool, is_prepared: bool) -> None:
    """An error in the middle of a reply takes back what was changed; of a long text, the end may be anything."""
    protocol = asked()
    text = statement.encode() + b'\0'
    request = bind(b'a') if is_prepared else message('Q', text)
    if is_prepared:
        protocol.feed_upstream(parse(b'a', text[:-1]) + SYNC)
        protocol.feed_downstream(READY)
        protocol.on_reached(protocol._up_at)
    protocol.begin_fault(request[:1024], 'seed')
    with suppress(StopIteration):
        next(protocol.guard())
    assert protocol.is_guarding == needed
