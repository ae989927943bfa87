"""Memcached's two protocols: every case whole, byte by byte, and with others around it.

These are the tests of all files in `vaurien/protocols/memcache/`, but for its ``quick.py``: see `test_quick`.
"""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given, strategies as st

from tests.protocols import feeding
from vaurien.protocols.base import END, HEAD, INTERIM, MAX_HEAD, OPAQUE, REPLY, REQUEST, UNANSWERED, Mark, Opaque
from vaurien.protocols.memcache import Memcache


def message(
    magic: int, opcode: int, key: bytes = b'', extras: bytes = b'', value: bytes = b'', status: int = 0
) -> bytes:
    """Return a request or a reply of the binary protocol."""
    size = len(key) + len(extras) + len(value)
    header = struct.pack('>BBHBBHI4sQ', magic, opcode, len(key), len(extras), 0, status, size, b'mine', 0)
    return header + extras + key + value


def ask(opcode: int, key: bytes = b'', extras: bytes = b'', value: bytes = b'') -> bytes:
    return message(0x80, opcode, key, extras, value)


def tell(opcode: int, key: bytes = b'', extras: bytes = b'', value: bytes = b'', status: int = 0) -> bytes:
    return message(0x81, opcode, key, extras, value, status)


def asked(*requests: bytes) -> Memcache:
    """Return a protocol that waits for the replies to *requests*."""
    protocol = Memcache()
    for request in requests:
        assert protocol.feed_upstream(request)[0] == request
    return protocol


def ends(messages: list[bytes]) -> list[int]:
    """Return where each of the *messages* ends."""
    return [sum(map(len, messages[: k + 1])) for k in range(len(messages))]


GET = b'get user:1\r\n'
STORED = b'STORED\r\n'
VALUE = b'VALUE user:1 0 5\r\nvalue\r\nEND\r\n'
BIG = b'x\r\n' * 3000
NOOP, NOOP_DONE = ask(0x0A), tell(0x0A)
SET = ask(1, b'user:1', bytes(8), b'value')

REQUESTS = {
    'get': GET,
    'many keys': b'get a b c\r\n',
    'very many keys': b'get ' + b' '.join(b'key:%d' % i for i in range(20_000)) + b'\r\n',
    'gat': b'gat 10 a b\r\n',
    'line feed': b'gets a\n',
    'spaces': b'  get  a  \r\n',
    'set': b'set user:1 0 0 5\r\nvalue\r\n',
    'set, spaces': b' set  user:1 0 0  5  \r\nvalue\r\n',
    'set, one empty word': b'set  1 0 5\r\n',
    'set, empty': b'set a 0 0 0\r\n\r\n',
    'set, like requests': b'set a 0 0 25\r\nset a 0 0 5\r\nget b\r\nEND\r\n\r\n',
    'set, large': b'set a 0 0 %d\r\n%b\r\n' % (len(BIG), BIG),
    'set, bad end of data': b'set a 0 0 5\r\nvaluexx',
    'set, size with a sign': b'set a 0 0 +5\r\nvalue\r\n',
    'set, size with zeros': b'set a 0 0 00000000005\r\nvalue\r\n',
    'set, negative zero': b'set a 0 0 -0\r\n\r\n',
    'set, a sign alone': b'set a 0 0 +\r\n',
    'set, negative': b'set a 0 0 -1\r\n',
    'set, huge': b'set a 0 0 2147483646\r\n',
    'set, too few words': b'set a 0 5\r\n',
    'set, too many words': b'set a 0 0 5 a noreply\r\n',
    'set, with an odd word': b'set a 0 0 5 6\r\nvalue\r\n',
    'set, with the longest key': b'set %b 0 0 5\r\nvalue\r\n' % (b'k' * 250),
    'set, with a key too long': b'set %b 0 0 5\r\n' % (b'k' * 251),
    'set, with flags that are none': b'set a x 0 5\r\n',
    'set, with negative flags': b'set a -1 0 5\r\n',
    'set, with a time that is none': b'set a 0 5s 5\r\n',
    'set, signed': b'set a +1 -1 5\r\nvalue\r\n',
    'cas, with a number that is none': b'cas a 0 0 5 x\r\n',
    'add': b'add a 0 0 1\r\nb\r\n',
    'append': b'append a 0 0 1\r\nb\r\n',
    'cas': b'cas a 0 0 5 77\r\nvalue\r\n',
    'incr': b'incr a 1\r\n',
    'incr, noreply too early': b'incr noreply\r\n',
    'delete': b'delete a\r\n',
    'delete, key noreply': b'delete noreply\r\n',
    'get, key noreply': b'get noreply\r\n',
    'flush_all': b'flush_all 10\r\n',
    'flush_all, too many words': b'flush_all 0 0 noreply\r\n',
    'stats': b'stats items\r\n',
    'shutdown': b'shutdown\r\n',
    'empty': b'\r\n',
    'unknown': b'foo bar\r\n',
    'mg': b'mg a v k Oq\r\n',
    'ms': b'ms a 5 T0\r\nvalue\r\n',
    'ms, size with a sign': b'ms a +5\r\nvalue\r\n',
    'ms, no size': b'ms a x\r\n',
    'ms, with a key too long': b'ms %b 5\r\n' % (b'k' * 251),
    'mn': b'mn\r\n',
    'me': b'me a q\r\n',
}
SILENT = {
    'set': b'set a 0 0 5 noreply\r\nvalue\r\n',
    'set, large': b'set a 0 0 %d noreply\r\n%b\r\n' % (len(BIG), BIG),
    'set, with flags that are none': b'set a x 0 5 noreply\r\n',
    'cas': b'cas a 0 0 5 77 noreply\r\nvalue\r\n',
    'incr': b'incr a 1 noreply\r\n',
    'decr': b'decr a noreply\r\n',
    'touch': b'touch a 1 noreply\r\n',
    'delete': b'delete a noreply\r\n',
    'flush_all': b'flush_all noreply\r\n',
    'flush_all, later': b'flush_all 10 noreply\r\n',
    'verbosity': b'verbosity 1 noreply\r\n',
    'slabs': b'slabs automove 0 noreply\r\n',
    'lru': b'lru noreply\r\n',
    'extstore': b'extstore noreply\r\n',
    'quit': b'quit\r\n',
    'mg': b'mg a v q\r\n',
    'ms': b'ms b 5 q\r\nmg q\n\r\n',
    'ms, large': b'ms a 5000 q\r\n' + bytes(5002),
    'md': b'md c q\r\n',
    'ma': b'ma c q O1\r\n',
}
BINARY_REQUESTS = {
    'get': ask(0, b'user:1'),
    'set': SET,
    'set, large': ask(1, b'a', bytes(8), BIG),
    'noop': NOOP,
    'quit': ask(7),
    'stats': ask(0x10, b'items'),
    'unknown': ask(0x50, b'key', b'extras', b'value'),
    'long key': ask(0, b'k' * 60_000),
    'auth': ask(0x21, b'PLAIN', b'', b'\0user\0secret'),
}
BINARY_SILENT = {
    'getq': ask(0x09, b'a'),
    'getkq': ask(0x0D, b'a'),
    'setq': ask(0x11, b'a', bytes(8), BIG),
    'quitq': ask(0x17),
    'flushq': ask(0x18),
    'prependq': ask(0x1A, b'a', b'', b'b'),
    'gatq': ask(0x1E, b'a', bytes(4)),
    'gatkq': ask(0x24, b'a', bytes(4)),
}
ALL_REQUESTS = [
    pytest.param(request, other, answered, id=f'{kind}: {name}')
    for kind, other, answered, table in (
        ('text', GET, True, REQUESTS),
        ('text, silent', GET, False, SILENT),
        ('binary', SET, True, BINARY_REQUESTS),
        ('binary, silent', SET, False, BINARY_SILENT),
    )
    for name, request in table.items()
]


def marks_of(requests: list[tuple[bytes, bool]]) -> list[Mark]:
    """Return the marks of whole *requests*; each comes with whether it is answered."""
    marks: list[Mark] = []
    for end, (_, answered) in zip(ends([request for request, _ in requests]), requests, strict=True):
        marks += [(REQUEST, end)] if answered else [(REQUEST, end), (UNANSWERED, end)]
    return marks


@pytest.mark.parametrize(('request_', 'other', 'answered'), ALL_REQUESTS)
class TestRequests:
    def test_whole(self, request_: bytes, other: bytes, answered: bool) -> None:
        given_back, marks = Memcache().feed_upstream(request_)
        assert given_back == request_
        assert list(marks) == marks_of([(request_, answered)])

    def test_byte_by_byte(self, request_: bytes, other: bytes, answered: bool) -> None:
        given_back, marks = feeding.upstream(Memcache(), feeding.single(request_))
        assert given_back == request_
        assert feeding.uncut(marks) == marks_of([(request_, answered)])

    def test_among_others(self, request_: bytes, other: bytes, answered: bool) -> None:
        messages = [(other, True), (request_, answered), (other, True), (request_, answered)]
        data = b''.join(request for request, _ in messages)
        for pieces in ([data], [request for request, _ in messages], feeding.cut(data, range(0, len(data), 7))):
            given_back, marks = feeding.upstream(Memcache(), pieces)
            assert given_back == data
            assert feeding.uncut(marks) == marks_of(messages)


@pytest.mark.parametrize(
    ('request_', 'head'),
    [
        (REQUESTS['set, large'], REQUESTS['set, large'].index(b'\n') + 1),
        (REQUESTS['very many keys'], MAX_HEAD),
        (BINARY_REQUESTS['set, large'], 24 + 8 + 1),
        (BINARY_REQUESTS['auth'], 24 + len('PLAIN')),
    ],
)
def test_head_is_held_and_the_rest_streams(request_: bytes, head: int) -> None:
    protocol = Memcache()
    assert protocol.feed_upstream(request_[: head - 1]) == (b'', [])
    assert protocol.feed_upstream(request_[head - 1 : head + 2]) == (request_[: head + 2], [(HEAD, head)])
    assert protocol.feed_upstream(request_[head + 2 : -1]) == (request_[head + 2 : -1], [])
    assert protocol.feed_upstream(request_[-1:]) == (request_[-1:], [(END, len(request_))])


def test_empty_words_do_not_count() -> None:
    malformed = b'set  a 0 10\r\n'
    assert list(asked(GET).feed_upstream(malformed + GET)[1]) == [(REQUEST, 12 + 13), (REQUEST, 12 + 13 + 12)]


def test_quiet_commands_stream() -> None:
    protocol = Memcache()
    data = b'mg a q\r\nms b 5 q\r\nva'
    marks = [(REQUEST, 8), (UNANSWERED, 8), (HEAD, 18), (UNANSWERED, 18)]
    assert protocol.feed_upstream(data) == (data, marks)
    assert protocol.feed_upstream(b'lue\r\nmg c') == (b'lue\r\n', [(END, 25)])
    assert protocol.feed_upstream(b' v\r\n') == (b'mg c v\r\n', [(REQUEST, 33)])


def test_incomplete_head_is_held_back() -> None:
    for request in (GET, SET[:-5]):
        protocol = Memcache()
        assert protocol.feed_upstream(request[:9]) == (b'', [])
        assert protocol.feed_upstream(request[9:-1]) == (b'', [])
        assert protocol.end_upstream() == request[:-1]
        assert protocol.end_upstream() == b''


REFUSED = {
    'binary in text': (GET, NOOP),
    'text in binary': (NOOP, GET),
    'reply': (NOOP, NOOP_DONE),
    'noise': (GET, b'\xff\xfe\r\n'),
    'endless command': (GET, b'gett ' + b'x' * MAX_HEAD),
    'nothing for too long': (GET, b' ' * MAX_HEAD),
    'key beyond the body': (NOOP, ask(0, b'key')[:8] + bytes(16) + b'key'),
    'key too long': (NOOP, ask(1, b'k' * 65_535, bytes(8))),
}


@pytest.mark.parametrize(('before', 'refused'), REFUSED.values(), ids=REFUSED)
def test_refused_request_passes_untouched(before: bytes, refused: bytes) -> None:
    data = before + refused + before
    for pieces in ([data], feeding.cut(data, range(0, len(data), 97)), feeding.single(data)):
        protocol = Memcache()
        given_back, marks = feeding.upstream(protocol, pieces)
        assert given_back == data
        assert feeding.uncut(marks) == [(REQUEST, len(before)), (OPAQUE, len(before))]
        assert feeding.is_unparsed(protocol)


def test_replies_are_framed_after_a_refused_request() -> None:
    for before, reply in ((GET, VALUE), (SET, tell(1))):
        protocol = Memcache()
        protocol.feed_upstream(before + b'\xff')
        assert protocol.opaque
        assert list(protocol.feed_downstream(reply)) == [(REPLY, len(reply))]


@pytest.mark.parametrize('byte', [b' ', b'x'])
def test_held_line_is_bounded(byte: bytes) -> None:
    protocol = Memcache()
    for i in range(0, MAX_HEAD + 1000, 1000):
        given_back, _ = protocol.feed_upstream(byte * 1000)
        if protocol.opaque:
            assert i < MAX_HEAD
            assert given_back == byte * (i + 1000)
            return
        assert given_back == b''
    pytest.fail('never refused')


REPLIES = {
    'hit': VALUE,
    'hits': b'VALUE a 0 1 77\r\nb\r\nVALUE c 0 12\r\nEND\r\n\r\nVALUE\r\nEND\r\n',
    'hit, large': b'VALUE a 0 %d\r\n%b\r\nEND\r\n' % (len(BIG), BIG),
    'hit, empty': b'VALUE a 0 0\r\n\r\nEND\r\n',
    'hit, then an error': b'VALUE a 0 1\r\nb\r\nSERVER_ERROR out of memory\r\n',
    'miss': b'END\r\n',
    'stored': STORED,
    'number': b'12\r\n',
    'number, padded': b'9 \r\n',
    'version': b'VERSION 1.6.18\r\n',
    'error': b'ERROR\r\n',
    'error with a reason': b'CLIENT_ERROR bad command line format\r\n',
    'stats': b'STAT pid 1\r\nSTAT version 1.6.18\r\nEND\r\n',
    'reset': b'RESET\r\n',
    'cachedump': b'ITEM a [2 b; 0 s]\r\nEND\r\n',
    'detail dump': b'PREFIX a get 1 hit 0 set 0 del 0\r\nEND\r\n',
    'metadump': b'key=a exp=-1 la=1 cas=11 fetch=no cls=1 size=63\nkey=b exp=-1\nEND\r\n',
    'mgdump': b'mg a\r\nmg b\r\nEN\r\n',
    'va': b'VA 5 s5 t-1\r\n\r\nEN\r\r\n',
    'va, large': b'VA %d\r\n%b\r\n' % (len(BIG), BIG),
    'hd': b'HD\r\n',
    'en': b'EN kmiss Oxx\r\n',
    'me': b'ME a exp=-1 la=1 cas=11 fetch=yes cls=1 size=63\r\n',
    'mn': b'MN\r\n',
}
BINARY_REPLIES = {
    'hit': tell(0, b'', bytes(4), b'value'),
    'hit, large': tell(0, b'', bytes(4), BIG),
    'hit with key': tell(0x0C, b'a', bytes(4), b'value'),
    'miss': tell(0, value=b'Not found', status=1),
    'stored': tell(1),
    'stats': tell(0x10, b'pid', b'', b'1') + tell(0x10, b'uptime', b'', b'2') + tell(0x10),
    'no stats': tell(0x10, value=b'Not found', status=1),
    'unknown': tell(0x50, value=b'Unknown command', status=0x81),
}
ALL_REPLIES = [
    *(pytest.param(reply, GET, VALUE, id=f'text: {name}') for name, reply in REPLIES.items()),
    *(pytest.param(reply, NOOP, NOOP_DONE, id=f'binary: {name}') for name, reply in BINARY_REPLIES.items()),
]


@pytest.mark.parametrize(('reply', 'request_', 'other'), ALL_REPLIES)
class TestReplies:
    def test_whole(self, reply: bytes, request_: bytes, other: bytes) -> None:
        assert list(asked(request_).feed_downstream(reply)) == [(REPLY, len(reply))]

    def test_byte_by_byte(self, reply: bytes, request_: bytes, other: bytes) -> None:
        assert feeding.downstream(asked(request_), feeding.single(reply)) == [(REPLY, len(reply))]

    def test_among_others(self, reply: bytes, request_: bytes, other: bytes) -> None:
        messages = [other, reply, other, reply]
        data = b''.join(messages)
        for pieces in ([data], messages, feeding.cut(data, range(0, len(data), 7))):
            assert feeding.downstream(asked(*[request_] * 4), pieces) == [(REPLY, end) for end in ends(messages)]

    def test_nobody_asked(self, reply: bytes, request_: bytes, other: bytes) -> None:
        for pieces in ([other + reply], feeding.single(other + reply)):
            expected = [(REPLY, len(other)), (INTERIM, len(other + reply))]
            assert feeding.downstream(asked(request_), pieces) == expected


@pytest.mark.parametrize(
    ('request_', 'before', 'reply'),
    [
        (GET, STORED, b'\x81\x00\r\n'),
        (GET, STORED, b'\r\n'),
        (GET, STORED, b'VALUE a 0 x\r\n'),
        (GET, STORED, b'VALUE a 0\r\n'),
        (GET, STORED, b'VA -1\r\n'),
        (GET, STORED, b'x' * MAX_HEAD),
        (GET, STORED + b'VALUE a 0 1\r\nb\r\n', b'STORED\r\n'),
        (GET, STORED + b'VALUE a 0 1\r\nb\r\n', b'x\r\nEND\r\n'),
        (NOOP, NOOP_DONE, STORED),
        (NOOP, NOOP_DONE, NOOP),
    ],
)
def test_refused_reply(request_: bytes, before: bytes, reply: bytes) -> None:
    data = before + reply + before
    first = len(STORED if request_ == GET else NOOP_DONE)
    for pieces in ([data], [before, reply, before], feeding.cut(data, range(0, len(data), 3))):
        protocol = asked(request_, request_, request_)
        assert feeding.downstream(protocol, pieces) == [(REPLY, first), (OPAQUE, len(before))]
        assert feeding.is_unparsed(protocol)


def test_text_in_reply_to_binary_is_refused_at_once() -> None:
    assert feeding.downstream(asked(NOOP), [STORED]) == [(OPAQUE, 0)]


class TestQuiet:
    """Tests which of several replies belongs to the last command."""

    @pytest.mark.parametrize(
        ('request_', 'interim', 'last'),
        [
            (b'mg a v q\r\nmn\r\n', [], b'MN\r\n'),
            (b'mg a v q\r\nmg b q\r\nmn\r\n', [b'VA 2\r\nMN\r\n', b'HD\r\n'], b'MN\r\n'),
            (b'ms a 9 q\r\nMN\r\nMN\r\nx\r\nmn\r\n', [b'SERVER_ERROR no\r\n'], b'MN\r\n'),
            (b'mg a q Oa\r\nmg b Ob\r\n', [b'HD Oa\r\n'], b'HD Ob\r\n'),
            (b'mg a q k v\r\nmg b k v\r\n', [b'VA 1 ka\r\nx\r\n'], b'VA 1 kb\r\nx\r\n'),
            (b'mg a q k\r\nmg b q k\r\nmg c k1 t Oc\r\n', [b'HD kb\r\n'], b'HD kc t-1 Oc\r\n'),
            (b'mg a q k\r\nms b 1\r\nx\r\n', [b'HD ka\r\n'], b'HD\r\n'),
            (b'md a q Oa\r\nma b\r\n', [b'NF Oa\r\n'], b'NF\r\n'),
            (b'mg a q\r\nget a\r\n', [b'HD\r\n'], VALUE),
            (b'mg a q\r\nversion\r\n', [b'HD\r\n'], b'VERSION 1\r\n'),
            (b'mg a q Oa\r\nmg b Ob\r\n', [], b'CLIENT_ERROR no\r\n'),
            (b'mg a q\r\nmg b\r\n', [], b'EN\r\n'),
            (b'mg a q k\r\nmg b\r\n', [b'HD ka\r\n'], b'EN\r\n'),
            (b'mg a q\r\nme b\r\n', [b'HD\r\n'], b'ME b exp=-1\r\n'),
        ],
    )
    def test_table(self, request_: bytes, interim: list[bytes], last: bytes) -> None:
        messages = [*interim, last]
        expected = [*((INTERIM, end) for end in ends(messages)[:-1]), (REPLY, ends(messages)[-1])]
        data = b''.join(messages)
        for pieces in ([data], messages, feeding.single(data)):
            assert feeding.downstream(asked(request_, GET), pieces) == expected

    def test_nothing_ends_it_before_the_last_has_come(self) -> None:
        protocol = asked(GET, b'mg a q\r\n')
        assert protocol.feed_downstream(VALUE + b'HD\r\n') == [(REPLY, len(VALUE)), (INTERIM, len(VALUE) + 4)]
        protocol.feed_upstream(b'mg b\r\n')
        assert protocol.feed_downstream(b'HD\r\n') == [(REPLY, len(VALUE) + 8)]

    def test_a_silent_one_does_not_end_it(self) -> None:
        protocol = asked(b'mg a q\r\ndelete a noreply\r\nmn\r\n')
        assert protocol.feed_downstream(b'HD\r\nMN\r\n') == [(INTERIM, 4), (REPLY, 8)]

    def test_of_binary_are_told_by_the_opcode(self) -> None:
        messages = [tell(0x0D, b'a', bytes(4), b'x'), tell(0x12, value=b'exists', status=2), NOOP_DONE]
        protocol = asked(ask(0x0D, b'a'), ask(0x12, b'a', bytes(8), b'x'), NOOP, NOOP)
        first, second, third = ends(messages)
        assert protocol.feed_downstream(b''.join(messages)) == [(INTERIM, first), (INTERIM, second), (REPLY, third)]


def test_watch_ends_framing_when_granted() -> None:
    for granted in ([b'OK\r\nts=1 gid=2\r\n'], [b'O', b'K\r\n', b'ts=1']):
        protocol = asked(GET, b'watch fetchers\r\n')
        end = len(VALUE) + 4
        assert feeding.downstream(protocol, [VALUE, *granted]) == [(REPLY, len(VALUE)), (REPLY, end), (OPAQUE, end)]
        assert protocol.opaque == Opaque('watch')
    assert list(asked(b'watch foo\r\n', GET).feed_downstream(b'ERROR\r\n' + VALUE)) == [
        (REPLY, 7),
        (REPLY, 7 + len(VALUE)),
    ]


@pytest.mark.parametrize(
    ('request_', 'first', 'end'),
    [
        (GET, b'VALUE a 0 %d\r\n' % (200 << 20), b'\r\nEND\r\n'),
        (NOOP, struct.pack('>BBHBBHI12x', 0x81, 0, 0, 0, 0, 0, 200 << 20), b''),
    ],
    ids=['text', 'binary'],
)
def test_large_value_costs_no_memory(request_: bytes, first: bytes, end: bytes) -> None:
    chunk = bytes(1 << 16)
    protocol = asked(request_)
    tracemalloc.start()
    try:
        assert feeding.downstream(protocol, [first, *[chunk] * 3199]) == []
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()
    assert protocol.downstream_body == len(chunk) + len(end[:2])
    assert protocol.feed_downstream(chunk + end) == [(REPLY, len(first) + (200 << 20) + len(end))]


def test_large_upload_need_not_be_fed() -> None:
    protocol = Memcache()
    first = b'set a 0 0 1000000\r\n'
    assert protocol.feed_upstream(first + bytes(10))[1] == [(HEAD, len(first))]
    assert protocol.upstream_body == 1_000_000 - 10 + 2
    protocol.skip_upstream(1_000_000 - 10)
    end = len(first) + 1_000_000 + 2
    assert protocol.feed_upstream(b'\r\n' + GET)[1] == [(END, end), (REQUEST, end + len(GET))]
    assert protocol.upstream_body == 0


# Any stream of valid messages.

blobs = st.one_of(st.binary(max_size=12), st.sampled_from([b'\r\n', GET, VALUE, b'x' * 1030, b'END\r\n', b'']))
names = st.sampled_from([b'set', b'add', b'replace', b'append', b'prepend'])
silences = st.sampled_from([b'', b' noreply'])
sets = st.builds(
    lambda name, blob, silence: (b'%b k 0 0 %d%b\r\n%b\r\n' % (name, len(blob), silence, blob), not silence),
    names,
    blobs,
    silences,
)
quiets = st.one_of(
    st.builds(lambda blob: b'ms k %d q\r\n%b\r\n' % (len(blob), blob), blobs),
    st.sampled_from([b'mg k q v\r\n', b'md k q\r\n', b'ma k q\r\n', b'mg k v q k Ox\r\n']),
).map(lambda request: (request, False))
tabled = st.one_of(
    st.sampled_from([request for request in REQUESTS.values() if len(request) < MAX_HEAD]).map(
        lambda request: (request, True)
    ),
    st.sampled_from(list(SILENT.values())).map(lambda request: (request, False)),
)
text_requests = st.one_of(sets, quiets, tabled)
answered_opcodes = st.sampled_from([0x00, 0x01, 0x05, 0x0C, 0x10, 0x21, 0x50])
quiet_opcodes = st.sampled_from([0x09, 0x0D, 0x11, 0x14, 0x24])
binary_requests = st.one_of(
    st.builds(lambda *given: (ask(*given), True), answered_opcodes, blobs, st.binary(max_size=20), blobs),
    st.builds(lambda *given: (ask(*given), False), quiet_opcodes, blobs, st.binary(max_size=20), blobs),
)
values = st.builds(lambda blob: b'VALUE k 0 %d\r\n%b\r\n' % (len(blob), blob), blobs)
text_replies = st.one_of(
    st.lists(values, max_size=3).map(lambda items: b''.join(items) + b'END\r\n'),
    st.builds(lambda blob: b'VA %d s5\r\n%b\r\n' % (len(blob), blob), blobs),
    st.sampled_from(list(REPLIES.values())),
)
binary_replies = st.one_of(
    st.builds(tell, st.sampled_from([0x00, 0x01, 0x50]), blobs, st.binary(max_size=20), blobs),
    st.sampled_from(list(BINARY_REPLIES.values())),
)
cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.one_of(st.lists(text_requests, max_size=8), st.lists(binary_requests, max_size=8)), cuts)
def test_requests_cut_anywhere(messages: list[tuple[bytes, bool]], places: list[int]) -> None:
    data = b''.join(request for request, _ in messages)
    for pieces in ([data], feeding.cut(data, places), [request for request, _ in messages]):
        given_back, marks = feeding.upstream(Memcache(), pieces)
        assert given_back == data
        assert feeding.uncut(marks) == marks_of(messages)


@given(
    st.one_of(
        st.tuples(st.just(GET), st.lists(text_replies, max_size=8)),
        st.tuples(st.just(NOOP), st.lists(binary_replies, max_size=8)),
    ),
    cuts,
)
def test_replies_cut_anywhere(case: tuple[bytes, list[bytes]], places: list[int]) -> None:
    request, messages = case
    data = b''.join(messages)
    for pieces in ([data], feeding.cut(data, places), messages):
        protocol = asked(*[request] * (len(messages) + 1))
        assert feeding.downstream(protocol, pieces) == [(REPLY, end) for end in ends(messages)]


# Any bytes at all.

watches = st.sampled_from([b'watch fetchers\r\n', b'OK\r\n', b'MN\r\n', b'HD Ox\r\n', b'HD\r\n', b'quit\r\n'])
requests = st.one_of(text_requests, binary_requests).map(lambda given: given[0])
fragments = st.one_of(requests, text_replies, binary_replies, watches, st.binary(max_size=8))
anything = feeding.anything(fragments)


@given(anything, cuts)
def test_any_bytes_upstream(data: bytes, places: list[int]) -> None:
    whole, marks = feeding.upstream(Memcache(), [data])
    assert whole == data
    cut, marks_of_cut = feeding.upstream(Memcache(), feeding.cut(data, places))
    assert cut == data
    assert feeding.uncut(marks_of_cut) == feeding.uncut(marks)


@given(anything, cuts, st.lists(st.one_of(requests, watches), max_size=6))
def test_any_bytes_downstream(data: bytes, places: list[int], before: list[bytes]) -> None:
    protocols = [Memcache(), Memcache()]
    for protocol in protocols:
        feeding.upstream(protocol, before)
        protocol.opaque = None  # of the client's bytes alone: the replies to earlier requests go on
    marks = feeding.downstream(protocols[0], [data])
    assert feeding.downstream(protocols[1], feeding.cut(data, places)) == marks


class TestDescribe:
    @pytest.mark.parametrize(
        ('request_', 'text'),
        [
            (GET, 'get user:1'),
            (b'  get  a b c\r\n', 'get a'),
            (b'gat 100 user:1\r\n', 'gat user:1'),
            (b'set user:1 0 0 6\r\nsecret\r\n', 'set user:1'),
            (b'mg a q\r\nms b 6\r\nsecret\r\n', 'mg a'),
            (b'stats\r\n', 'stats'),
            (b'get ' + b'k' * 300 + b'\r\n', 'get ' + 'k' * 196),
            (b'get a\x07\xff\r\n', 'get a\\x07\\xff'),
            (b'\r\n', '2 bytes'),
            (b'', '0 bytes'),
            (ask(0, b'user:1'), 'get user:1'),
            (ask(1, b'user:1', bytes(8), b'secret'), 'set user:1'),
            (ask(0x0D, b'user:1'), 'getkq user:1'),
            (ask(0x10), 'stats'),
            (ask(0x21, b'PLAIN', b'', b'\0user\0secret'), 'sasl_auth PLAIN'),
            (ask(0x50, b'a'), '0x50 a'),
            (ask(0, b'k' * 300), 'get ' + 'k' * 196),
            (ask(0, b'user:1')[:-1], '29 bytes'),
        ],
    )
    def test_table(self, request_: bytes, text: str) -> None:
        assert Memcache().describe(request_) == text

    @given(st.one_of(st.binary(), anything))
    def test_printable_and_short(self, request_: bytes) -> None:
        text = Memcache().describe(request_)
        assert text.isprintable()
        assert 0 < len(text) <= 200


@pytest.mark.parametrize(('request_', 'closes'), [(GET, False), (b'set a 0 0 5\r\n', False), (b'quit\r\n', True)])
def test_error_of_text(request_: bytes, closes: bool) -> None:
    protocol = asked(GET)
    protocol.begin_fault(request_, 'seed')
    error = protocol.error()
    assert error.data == b'SERVER_ERROR injected by vaurien\r\n'
    assert error.closes == closes
    assert list(protocol.feed_downstream(error.data)) == [(REPLY, len(error.data))]


@pytest.mark.parametrize(('opcode', 'closes'), [(0, False), (0x10, False), (0x21, False), (7, True), (0x17, True)])
def test_error_of_binary(opcode: int, closes: bool) -> None:
    protocol = asked(NOOP)
    protocol.begin_fault(ask(opcode, b'key', bytes(4)), 'seed')
    error = protocol.error()
    assert error.data == tell(opcode, value=b'injected by vaurien', status=0x84)
    assert error.closes == closes


@pytest.mark.parametrize(
    ('message', 'sent', 'status'),
    [
        ('out of memory storing object', b'SERVER_ERROR out of memory storing object', 0x82),
        ('CLIENT_ERROR bad data chunk', b'CLIENT_ERROR bad data chunk', 0x84),
        ('ERROR', b'ERROR', 0x84),
        ('object too large for cache', b'SERVER_ERROR object too large for cache', 0x03),
        ('Busy', b'SERVER_ERROR Busy', 0x85),
        ('Temporary failure', b'SERVER_ERROR Temporary failure', 0x86),
    ],
)
def test_error_with_a_message(message: str, sent: bytes, status: int) -> None:
    protocol = asked(GET)
    assert protocol.error(message).data == sent + b'\r\n'
    protocol.begin_fault(ask(0, b'key'), 'seed')
    assert protocol.error(message).data == tell(0, value=message.encode(), status=status)


def effects(protocol: Memcache, request: bytes, message: str, *replies: bytes) -> tuple[list[bytes], bytes]:
    """Return what an error to *request* has the proxy ask, and what the client sees of these *replies* to that."""
    protocol.begin_fault(request, 'seed')
    steps, asked = protocol.effects(message), []
    try:
        asked.append(next(steps))
        for reply in replies:
            assert list(protocol.feed_downstream(reply))[-1][0] == REPLY
            asked.append(steps.send(reply))
    except StopIteration as end:
        return asked, end.value
    pytest.fail('goes on')


class TestEffects:
    @pytest.mark.parametrize(
        ('request_', 'deletion'),
        [
            (b'set a 0 0 1\r\nx\r\n', b'delete a\r\n'),
            (b'set a 0 0 1 noreply\r\nx\r\n', b'delete a\r\n'),
            (b'ms a 1 MA\r\nx\r\n', b'md a\r\n'),
            (b'ms YQ== 1 b\r\nx\r\n', b'md YQ== b\r\n'),
        ],
    )
    @pytest.mark.parametrize('message', ['out of memory storing object', 'SERVER_ERROR object too large for cache'])
    def test_the_old_value_is_deleted(self, request_: bytes, deletion: bytes, message: str) -> None:
        reply = b'HD\r\n' if request_.startswith(b'ms') else b'DELETED\r\n'
        assert effects(asked(request_), request_, message, reply) == ([deletion], b'')

    @pytest.mark.parametrize('opcode', [0x01, 0x11])
    def test_so_in_the_binary_protocol(self, opcode: int) -> None:
        request = ask(opcode, b'key', bytes(8), b'x')
        deletion = ask(0x04, b'key').replace(b'mine', bytes(4))
        noop = NOOP.replace(b'mine', bytes(4))
        found = effects(asked(request), request, 'Out of memory', NOOP_DONE, tell(0x04))
        assert found == ([noop, deletion], b'')

    @pytest.mark.parametrize('request_', [GET, b'add a 0 0 1\r\nx\r\n', b'cas a 0 0 1 9\r\nx\r\n', b'set\r\n', b'\r\n'])
    def test_nothing_else_is(self, request_: bytes) -> None:
        assert effects(asked(request_), request_, 'out of memory storing object') == ([], b'')
        assert effects(asked(request_), b'set a 0 0 1\r\nx\r\n', 'injected') == ([], b'')

    def test_replies_to_quiet_commands_come_first(self) -> None:
        hit = b'VA 3 Oa\r\nMN\n\r\n'
        protocol = asked(b'mg a v q Oa\r\n')
        assert effects(protocol, b'ms b 1 q\r\nx\r\n', 'injected', hit + b'MN\r\n') == ([b'mn\r\n'], hit)
        protocol = asked(b'mg a v q Oa\r\nget b\r\n')
        assert effects(protocol, b'get b\r\n', 'injected', hit + b'MN\r\n') == ([b'mn\r\n'], hit)
        hit = tell(0x09, b'', bytes(4), b'x')
        noop = NOOP.replace(b'mine', bytes(4))
        assert effects(asked(NOOP), ask(0), 'injected', hit + NOOP_DONE) == ([noop], hit)

    @pytest.mark.parametrize('request_', [b'mn\r\n', NOOP])
    def test_what_ends_a_run_does_not_fail(self, request_: bytes) -> None:
        protocol = asked(request_)
        protocol.begin_fault(request_, 'seed')
        assert not protocol.would_fail()
        protocol.begin_fault(GET, 'seed')
        assert protocol.would_fail()

    @pytest.mark.parametrize(
        ('request_', 'unasked'),
        [(b'ms a 1 q\r\nx\r\n', True), (b'set a 0 0 1 noreply\r\n', False), (GET, False), (b'mg a v\r\n', False)],
    )
    def test_quiet_meta_commands_are_answered_if_they_fail(self, request_: bytes, unasked: bool) -> None:
        protocol = asked(request_)
        protocol.begin_fault(request_, 'seed')
        assert protocol.error().unasked is unasked


def test_withdrawn_request_is_not_expected() -> None:
    protocol = asked(b'watch\r\n', GET)
    protocol.withdraw()
    assert list(protocol.feed_downstream(b'OK\r\n')) == [(REPLY, 4)]
    assert not protocol.opaque


def test_an_empty_line_behind_a_quiet_command() -> None:
    """It is a command without a name, which the server answers ERROR."""
    protocol = Memcache()
    protocol.feed_upstream(b'mg a q\r\n\r\n')
    assert protocol.feed_downstream(b'ERROR\r\n') == [(REPLY, 7)]
