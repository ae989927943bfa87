"""MySQL and MariaDB: every case whole, byte by byte, and with others around it.

These are the tests of all files in `vaurien/protocols/mysql/`, but for its ``quick.py``: see `test_quick`.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.protocols import feeding
from vaurien.protocols.base import (
    END,
    GREETING,
    HEAD,
    INTERIM,
    MAX_HEAD,
    OPAQUE,
    PROMPT,
    REPLY,
    REQUEST,
    UNANSWERED,
    ErrorReply,
    Mark,
    Opaque,
)
from vaurien.protocols.mysql import MySQL
from vaurien.protocols.mysql.login import (
    CLIENT_COMPRESS,
    CLIENT_CONNECT_WITH_DB,
    CLIENT_DEPRECATE_EOF,
    CLIENT_MYSQL,
    CLIENT_OPTIONAL_METADATA,
    CLIENT_PLUGIN_AUTH_LENENC,
    CLIENT_PROTOCOL_41,
    CLIENT_QUERY_ATTRIBUTES,
    CLIENT_SECURE_CONNECTION,
    CLIENT_SSL,
    CLIENT_ZSTD,
    MARIADB_CLIENT_CACHE_METADATA,
)
from vaurien.protocols.mysql.packets import CURSOR_EXISTS, MAX_PACKET, MORE_RESULTS
from vaurien.protocols.mysql.places import Messages

#: What every connection here can do.
PLAIN = CLIENT_MYSQL | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_CONNECT_WITH_DB
#: MariaDB says of itself that it is not MySQL; then the higher bits count.
CACHE = (PLAIN & ~CLIENT_MYSQL) | MARIADB_CLIENT_CACHE_METADATA
SECRET = b'hunter2-secret'


def packet(payload: bytes, number: int = 1) -> bytes:
    """Return one message, in as many packets as it takes."""
    pieces = [payload[i : i + MAX_PACKET] for i in range(0, len(payload) + 1, MAX_PACKET)]
    return b''.join(len(piece).to_bytes(3, 'little') + bytes([number + k]) + piece for k, piece in enumerate(pieces))


def number(value: int) -> bytes:
    if value < 0xFB:
        return bytes([value])
    return b'\xfc' + value.to_bytes(2, 'little') if value < 1 << 16 else b'\xfd' + value.to_bytes(3, 'little')


def text(value: bytes) -> bytes:
    return number(len(value)) + value


def command(code: int, body: bytes = b'') -> bytes:
    return packet(bytes([code]) + body, 0)


def greet(flags: int = PLAIN) -> bytes:
    low, high, own = ((flags >> shift & mask) for shift, mask in ((0, 0xFFFF), (16, 0xFFFF), (32, 0xFFFFFFFF)))
    head = b'\x0a11.4-MariaDB\0' + bytes(4) + b'12345678\0' + low.to_bytes(2, 'little') + b'\x2d\2\0'
    return packet(head + high.to_bytes(2, 'little') + b'\x15' + bytes(6) + own.to_bytes(4, 'little') + b'salt' * 3, 0)


def log_in(flags: int = PLAIN, user: bytes = b'joe', database: bytes = b'shop', answer: bytes = SECRET) -> bytes:
    head = (flags & 0xFFFFFFFF).to_bytes(4, 'little') + bytes(24) + (flags >> 32).to_bytes(4, 'little')
    return packet(head + user + b'\0' + text(answer) + database + b'\0mysql_native_password\0')


def ok(status: int = 2, *, header: int = 0, affected: int = 0, identity: int = 0, more: bytes = b'') -> bytes:
    flags = status.to_bytes(2, 'little')
    return packet(bytes([header]) + number(affected) + number(identity) + flags + b'\0\0' + more)


def eof(status: int = 2) -> bytes:
    return packet(b'\xfe\0\0' + status.to_bytes(2, 'little'))


def end_of_rows(status: int = 2, *, has_eof: bool = True) -> bytes:
    return eof(status) if has_eof else ok(status, header=0xFE)


COLUMN = packet(b'\x03def\x04shop\1t\1t\1a\1a\x0c?\0\x0b\0\0\0\3\0\0\0\0\0')
ERROR = packet(b'\xff\x7a\x04#42S02no such table')
PROGRESS = packet(b'\xff\xff\xff\1\1\2\0\0\0\5stage')
LOGIN = log_in()
QUERY = command(3, b'SELECT 1')


def result(
    rows: Iterable[bytes] = (b'\x011',),
    columns: int = 1,
    *,
    has_eof: bool = True,
    status: int = 2,
    metadata: bytes = b'',
) -> bytes:
    """Return a result set; *metadata* is the flag that says whether definitions follow."""
    definitions = b'' if metadata == b'\0' else COLUMN * columns
    head = packet(number(columns) + metadata) + definitions + (eof() if has_eof else b'')
    return head + b''.join(packet(row) for row in rows) + end_of_rows(status, has_eof=has_eof)


ONE = result()


def upstream(data: Iterable[bytes], flags: int = PLAIN) -> tuple[MySQL, bytes, list[Mark]]:
    """Feed *data* after a login; return the protocol, what it gives back, and the marks."""
    protocol = MySQL()
    login = log_in(flags)
    given_back, marks = feeding.upstream(protocol, [login, *data])
    assert marks[0] == (REQUEST, len(login))
    return protocol, given_back[len(login) :], [(kind, position - len(login)) for kind, position in marks[1:]]


def downstream(data: Iterable[bytes], *requests: bytes, flags: int = PLAIN) -> tuple[MySQL, list[Mark]]:
    """Feed *data* after a login and *requests*; return the protocol and the marks."""
    protocol = MySQL()
    feeding.upstream(protocol, [log_in(flags), *requests])
    before = [greet(flags), ok()]
    marks = feeding.downstream(protocol, [*before, *data])
    start = len(before[0])
    passed = len(b''.join(before))
    assert marks[:3] == [(GREETING, 0), (REPLY, start), (REPLY, passed)]
    return protocol, [(kind, position - passed) for kind, position in marks[3:]]


def every_way(data: bytes) -> Iterable[Iterable[bytes]]:
    return [data], feeding.single(data), feeding.cut(data, range(0, len(data), 7))


BIG = b'x' * 5000
ANSWERED = {
    'query': QUERY,
    'a query of nothing': command(3),
    'a large query': command(3, b'SELECT ' + BIG),
    'a query as large as a head': command(3, b'y' * 1023),
    'a query that is larger by one': command(3, b'y' * 1024),
    'init db': command(2, b'shop'),
    'field list': command(4, b't\0'),
    'statistics': command(9),
    'ping': command(14),
    'change user': command(17, b'joe\0\x04abcdshop\0'),
    'prepare': command(22, b'SELECT ?'),
    'execute': command(23, b'\1\0\0\0\0\1\0\0\0'),
    'reset': command(26, b'\1\0\0\0'),
    'fetch': command(28, b'\1\0\0\0\2\0\0\0'),
    'bulk execute': command(250, b'\1\0\0\0\0\0'),
    'unknown': command(200, b'?'),
}
UNASKED = {
    'quit': command(1),
    'close': command(25, b'\1\0\0\0'),
    'long data': command(24, b'\1\0\0\0\0\0' + BIG),
}


@pytest.mark.parametrize('request_', [*ANSWERED.values(), *UNASKED.values()], ids=[*ANSWERED, *UNASKED])
class TestRequests:
    def kinds(self, request_: bytes) -> list[int]:
        return [REQUEST] if request_ in ANSWERED.values() else [REQUEST, UNANSWERED]

    def test_alone(self, request_: bytes) -> None:
        for pieces in every_way(request_):
            _, given_back, marks = upstream(pieces)
            assert given_back == request_
            assert feeding.uncut(marks) == [(kind, len(request_)) for kind in self.kinds(request_)]

    def test_among_others(self, request_: bytes) -> None:
        data = QUERY + request_ + QUERY + request_
        ends = [len(QUERY), len(QUERY + request_), len(QUERY + request_ + QUERY), len(data)]
        kinds = [[REQUEST], self.kinds(request_)] * 2
        expected = [(kind, end) for end, both in zip(ends, kinds, strict=True) for kind in both]
        for pieces in every_way(data):
            _, given_back, marks = upstream(pieces)
            assert given_back == data
            assert feeding.uncut(marks) == expected


def test_head_is_the_beginning() -> None:
    protocol, _, _ = upstream([])
    start = len(LOGIN)
    data = command(3, BIG)
    assert protocol.feed_upstream(data[:1000]) == (b'', [])
    assert protocol.feed_upstream(data[1000:2000]) == (data[:2000], [(HEAD, start + 1028)])
    assert protocol.upstream_body == len(data) - 2000
    assert protocol.feed_upstream(data[2000:] + QUERY[:6]) == (data[2000:], [(END, start + len(data))])
    assert protocol.end_upstream() == QUERY[:6]
    assert protocol.end_upstream() == b''


def test_unanswered_is_said_with_the_head() -> None:
    data = UNASKED['long data']
    _, _, marks = upstream([data[:2000], data[2000:]])
    assert marks == [(HEAD, 1028), (UNANSWERED, 1028), (END, len(data))]


@pytest.mark.parametrize('size', [MAX_PACKET - 2, MAX_PACKET - 1, MAX_PACKET, 2 * MAX_PACKET])
def test_requests_of_several_packets(size: int) -> None:
    data = command(3, b'y' * size) + QUERY
    for pieces in ([data], feeding.cut(data, range(0, len(data), 100_003))):
        protocol, given_back, marks = upstream(pieces)
        assert given_back == data
        assert feeding.uncut(marks) == [(REQUEST, len(data) - len(QUERY)), (REQUEST, len(data))]
        protocol.begin_fault(data[:2000], 'seed')
        assert protocol.error().data[3] == 1 + (size + 1) // MAX_PACKET


REFUSED = {
    'of no bytes': packet(b'', 0),
    'out of order': packet(b'\x03SELECT 1', 1),
    'http': b'GET / HTTP/1.1\r\n\r\n',
}


@pytest.mark.parametrize(
    'before', [b'', QUERY, ANSWERED['a large query']], ids=['first', 'second', 'after a large one']
)
@pytest.mark.parametrize('message', REFUSED.values(), ids=REFUSED)
def test_refused_request_passes_untouched(message: bytes, before: bytes) -> None:
    data = before + message + QUERY
    for pieces in every_way(data):
        protocol, given_back, marks = upstream(pieces)
        assert given_back == data
        assert feeding.uncut(marks)[-1] == (OPAQUE, len(before))
        assert feeding.is_unparsed(protocol)


@pytest.mark.parametrize(
    'message',
    [
        QUERY,
        packet(bytes(31)),
        log_in(PLAIN & ~CLIENT_PROTOCOL_41),
        packet(b'\x85\xa6\3\0\0joe\0secret\0'),
        b'\r\n' * 20,
    ],
)
def test_refused_login(message: bytes) -> None:
    for pieces in every_way(message):
        protocol = MySQL()
        assert feeding.upstream(protocol, pieces) == (message, [(OPAQUE, 0)])
        assert feeding.is_unparsed(protocol)


def test_replies_go_on_after_a_refused_request() -> None:
    protocol, marks = downstream([], QUERY, QUERY)
    assert marks == []
    start = len(greet() + ok())
    protocol.feed_upstream(REFUSED['out of order'])
    assert list(protocol.feed_downstream(ONE + ONE)) == [(REPLY, start + len(ONE)), (REPLY, start + 2 * len(ONE))]


def test_held_head_is_bounded() -> None:
    protocol, _, _ = upstream([])
    data = command(3, b'y' * 100_000)
    held = 0
    for piece in feeding.cut(data, range(0, len(data), 100)):
        held += len(piece) - len(protocol.feed_upstream(piece)[0])
        assert 0 <= held < 1028


class TestLogin:
    """Tests the connection phase."""

    def test_greeting(self) -> None:
        for pieces in every_way(greet()):
            assert feeding.downstream(MySQL(), pieces) == [(GREETING, 0), (REPLY, len(greet()))]

    def test_greeted_with_an_error(self) -> None:
        error = MySQL().error()
        assert error.closes
        assert error.data == b'\x17\0\0\0\xff\x10\x04Too many connections'
        for pieces in every_way(error.data):
            assert feeding.downstream(MySQL(), pieces) == [(GREETING, 0), (REPLY, len(error.data))]

    @pytest.mark.parametrize(
        'message',
        [
            b'HTTP/1.1 400 Bad Request\r\n\r\n',
            b'220 mail ready\r\n',
            packet(b'', 0),
            packet(b'\x095.0\0', 0),
            packet(b'\x0a8.0' + bytes(5), 0),
            packet(b'\x0a8.0', 0),
            packet(b'\x0a' + b'8' * MAX_HEAD, 0),
        ],
    )
    def test_refused_greeting(self, message: bytes) -> None:
        for pieces in every_way(message):
            protocol = MySQL()
            assert feeding.downstream(protocol, pieces) == [(GREETING, 0), (OPAQUE, 0)]
            assert feeding.is_unparsed(protocol)

    @pytest.mark.parametrize(
        ('dialog', 'last'),
        [
            # An answer of the client stands between the backend's packets.
            ([b'\xfemysql_native_password\0' + b's' * 20 + b'\0', SECRET], ok()),
            ([b'\xfemysql_native_password\0' + b's' * 20 + b'\0', b''], ERROR),
            ([b'\xfe', SECRET], ok()),
            ([b'\1\4', b'\2', b'\1-----BEGIN PUBLIC KEY-----', SECRET], ok()),
            ([b'\xfecaching_sha2_password\0salt', SECRET, b'\1\4', SECRET], ok()),
            ([b'\2Password: ', SECRET, b'\5PIN: ', SECRET], ERROR),
        ],
    )
    @pytest.mark.parametrize('request_', [LOGIN, ANSWERED['change user']], ids=['login', 'change user'])
    def test_dialog(self, dialog: Sequence[bytes], last: bytes, request_: bytes) -> None:
        logged_in = request_ != LOGIN
        for cut in (lambda data: [data], feeding.single):
            protocol = MySQL()
            up, down = LOGIN, greet()
            feeding.upstream(protocol, [LOGIN])
            feeding.downstream(protocol, [greet()] + [ok()] * logged_in)
            if logged_in:
                up, down = LOGIN + request_, greet() + ok()
                protocol.feed_upstream(request_)
            for question, answer in zip(dialog[::2], dialog[1::2], strict=True):
                down += packet(question, 2)
                up += packet(answer, 3)
                asked = [mark for piece in cut(packet(question, 2)) for mark in protocol.feed_downstream(piece)]
                assert asked == [(PROMPT, len(down))]
                answered = [protocol.feed_upstream(piece) for piece in cut(packet(answer, 3))]
                assert b''.join(data for data, _ in answered) == packet(answer, 3)
                assert [mark for _, marks in answered for mark in marks] == [(END, len(up))]
            assert list(protocol.feed_downstream(last)) == [(REPLY, len(down + last))]
            assert protocol.feed_upstream(QUERY)[1] == ((REQUEST, len(up + QUERY)),)

    def test_password_in_the_cache(self) -> None:
        data = packet(b'\1\3', 2) + ok()
        expected = [(INTERIM, len(greet()) + 6), (REPLY, len(greet() + data))]
        for pieces in every_way(data):
            protocol = MySQL()
            feeding.upstream(protocol, [LOGIN])
            assert feeding.downstream(protocol, [greet(), *pieces])[2:] == expected

    def test_asked_in_vain(self) -> None:
        """Nobody answers the last message of a dialog."""
        protocol = MySQL()
        protocol.feed_upstream(LOGIN)
        marks = protocol.feed_downstream(greet() + packet(b'\1token') + ok())
        assert [kind for kind, _ in marks] == [GREETING, REPLY, PROMPT, REPLY]
        assert [kind for kind, _ in protocol.feed_upstream(QUERY)[1]] == [REQUEST]

    def test_tls(self) -> None:
        flags = PLAIN | CLIENT_SSL
        request = packet(flags.to_bytes(4, 'little') + bytes(28))
        data = request + b'\x16\3\1\0'
        for pieces in every_way(data):
            protocol = MySQL()
            assert feeding.upstream(protocol, pieces) == (data, [(OPAQUE, len(request))])
            assert protocol.opaque == Opaque('TLS')

    @pytest.mark.parametrize('flag', [CLIENT_COMPRESS, CLIENT_ZSTD])
    @pytest.mark.parametrize('side', ['both', 'client', 'backend'])
    def test_compression(self, flag: int, side: str) -> None:
        login = log_in(PLAIN | flag * (side != 'backend'))
        greeting = greet(PLAIN | flag * (side != 'client'))
        data = greeting + ok()
        for pieces in every_way(data + b'\1\0\0\1\0\0\0\0'):
            protocol = MySQL()
            feeding.upstream(protocol, [login, QUERY])
            marks = feeding.downstream(protocol, pieces)
            expected = [(GREETING, 0), (REPLY, len(greeting)), (REPLY, len(data))]
            if side == 'both':
                assert marks == [*expected, (OPAQUE, len(data))]
                assert protocol.opaque == Opaque('compression')
            else:
                assert marks[:3] == expected
                assert protocol.opaque != Opaque('compression')


def long_reply(*, has_eof: bool) -> bytes:
    return result([text(BIG), text(b''), text(b'\xfe' * 30)] * 3, has_eof=has_eof)


def results(has_eof: bool) -> dict[str, bytes]:
    def make(*rows: bytes, columns: int = 1, status: int = 2) -> bytes:
        return result(rows, columns, has_eof=has_eof, status=status)

    return {
        'one row': make(b'\x011'),
        'no rows': make(),
        'many rows': make(*[b'\2%02d' % i for i in range(99)]),
        'null': make(b'\xfb'),
        'two columns': make(b'\x011\xfb', columns=2),
        'many columns': make(b'\x011' * 260, columns=260),
        'large row': make(text(BIG)),
        'like an end': make(text(eof()), text(ok()), b'\xfd\5\0\0' + eof()[:5]),
        'begins like an EOF packet': make(b'\xfe' + b'x' * 8) if has_eof else make(b'\xfd\1\0\0x'),
        'binary': make(b'\0\0\1\0\0\0'),
        'ok': ok(),
        'ok, large numbers': ok(affected=1 << 17, identity=300, more=BIG),
        'ok of few bytes': packet(b'\0\0\0\2\0'),
        'error': ERROR,
        'error in the rows': make()[: -len(end_of_rows(has_eof=has_eof))] + packet(b'\x011') + ERROR,
        'error in the definitions': packet(b'\2') + COLUMN + ERROR,
        'error before the definitions': packet(b'\2') + ERROR,
        'several': make(status=MORE_RESULTS) + ok(MORE_RESULTS) + make(b'\x011', status=MORE_RESULTS) + ok(),
        'several, then an error': ok(MORE_RESULTS | 2) + make(status=MORE_RESULTS) + ERROR,
        'progress between': make(status=MORE_RESULTS) + PROGRESS + make(),
    }


RESULTS = {(name, has_eof): reply for has_eof in (True, False) for name, reply in results(has_eof).items()}


@pytest.mark.parametrize(('case', 'reply'), RESULTS.items(), ids=[f'{name}, {has_eof}' for name, has_eof in RESULTS])
class TestResults:
    """Tests replies to a query and to the execution of a prepared statement."""

    def flags(self, case: tuple[str, bool]) -> int:
        return PLAIN if case[1] else PLAIN | CLIENT_DEPRECATE_EOF

    def test_alone(self, case: tuple[str, bool], reply: bytes) -> None:
        for pieces in (*every_way(reply), [reply[:20], reply[20:]]):
            assert downstream(pieces, QUERY, flags=self.flags(case))[1] == [(REPLY, len(reply))]

    def test_among_others(self, case: tuple[str, bool], reply: bytes) -> None:
        requests = [QUERY, ANSWERED['execute'], ANSWERED['ping'], ANSWERED['bulk execute']]
        data = ERROR + reply + ok() + reply
        ends = [len(ERROR), len(ERROR + reply), len(ERROR + reply + ok()), len(data)]
        for pieces in every_way(data):
            assert downstream(pieces, *requests, flags=self.flags(case))[1] == [(REPLY, end) for end in ends]

    def test_among_progress(self, case: tuple[str, bool], reply: bytes) -> None:
        data = PROGRESS + reply + PROGRESS
        expected = [(INTERIM, len(PROGRESS)), (REPLY, len(PROGRESS + reply)), (INTERIM, len(data))]
        for pieces in every_way(data):
            assert downstream(pieces, QUERY, flags=self.flags(case))[1] == expected


def prepared(columns: int, parameters: int, *, has_eof: bool, identity: int = 1, more: bytes = b'') -> bytes:
    counts = columns.to_bytes(2, 'little') + parameters.to_bytes(2, 'little')
    head = b'\0' + identity.to_bytes(4, 'little') + counts + bytes(3) + more
    ends = eof() if has_eof else b''
    lists = b''.join(COLUMN * count + ends for count in (parameters, columns) if count)
    return packet(head) + lists


FETCH, EXECUTE, PREPARE, FIELDS = (ANSWERED[name] for name in ('fetch', 'execute', 'prepare', 'field list'))
ROWS = packet(b'\0\0\1') + packet(b'\0\0' + BIG)


@pytest.mark.parametrize(
    ('request_', 'reply', 'flags'),
    [
        (PREPARE, prepared(0, 0, has_eof=True), PLAIN),
        (PREPARE, prepared(2, 3, has_eof=True), PLAIN),
        (PREPARE, prepared(0, 1, has_eof=True), PLAIN),
        (PREPARE, prepared(2, 3, has_eof=False), PLAIN | CLIENT_DEPRECATE_EOF),
        (PREPARE, prepared(1, 0, has_eof=False), PLAIN | CLIENT_DEPRECATE_EOF),
        (PREPARE, prepared(0, 0, has_eof=False), PLAIN | CLIENT_DEPRECATE_EOF),
        (PREPARE, prepared(1, 1, has_eof=True, more=b'\1'), PLAIN | CLIENT_OPTIONAL_METADATA),
        (PREPARE, packet(b'\0\1\0\0\0\1\0\1' + bytes(5)), PLAIN | CLIENT_OPTIONAL_METADATA),
        (PREPARE, ERROR, PLAIN),
        (EXECUTE, packet(b'\1') + COLUMN + eof(CURSOR_EXISTS), PLAIN),
        (EXECUTE, packet(b'\1') + COLUMN + ok(CURSOR_EXISTS, header=0xFE), PLAIN | CLIENT_DEPRECATE_EOF),
        (EXECUTE, result(columns=3, metadata=b'\1'), CACHE),
        (EXECUTE, result(columns=3, metadata=b'\0'), CACHE),
        (EXECUTE, result(columns=3, metadata=b'\0', has_eof=False), CACHE | CLIENT_DEPRECATE_EOF),
        (EXECUTE, result(columns=3, metadata=b'\1', has_eof=False), CACHE | CLIENT_DEPRECATE_EOF),
        (QUERY, result(columns=3, metadata=b'\0'), PLAIN | CLIENT_OPTIONAL_METADATA),
        (FETCH, ROWS + eof(), PLAIN),
        (FETCH, eof(0x80 | MORE_RESULTS), PLAIN),
        (FETCH, ROWS + ok(header=0xFE), PLAIN | CLIENT_DEPRECATE_EOF),
        (FETCH, ROWS + ERROR, PLAIN),
        (FETCH, ERROR, PLAIN),
        (FIELDS, COLUMN * 3 + eof(), PLAIN),
        (FIELDS, COLUMN * 3 + eof(), PLAIN | CLIENT_DEPRECATE_EOF),
        (FIELDS, ERROR, PLAIN),
        (ANSWERED['statistics'], packet(b'Uptime: 66  Threads: 1'), PLAIN),
        (ANSWERED['statistics'], packet(b'\xfestrange'), PLAIN),
        (ANSWERED['ping'], ok(MORE_RESULTS), PLAIN),
        (ANSWERED['ping'], eof(), PLAIN),
        (ANSWERED['unknown'], ERROR, PLAIN),
        (command(18), ERROR, PLAIN),
    ],
)
def test_other_replies(request_: bytes, reply: bytes, flags: int) -> None:
    data = ok() + reply + ok()
    expected = [(REPLY, len(ok())), (REPLY, len(ok() + reply)), (REPLY, len(data))]
    for pieces in (*every_way(data), [ok(), reply, ok()]):
        assert downstream(pieces, QUERY, request_, QUERY, flags=flags)[1] == expected


REFUSED_REPLIES = [
    (QUERY, packet(b'')),
    (QUERY, packet(b'\xfe' + b'\xff' * 8)),
    (QUERY, packet(b'\xfc\1')),
    (QUERY, packet(b'\1\1')),
    (QUERY, packet(b'\0\0')),
    (QUERY, packet(b'\0\0\0\2')),
    (QUERY, packet(b'\1') + COLUMN + packet(b'\x011')),
    (QUERY, packet(b'\1') + COLUMN + packet(b'\xfe\0\0')),
    (PREPARE, packet(b'\1\0')),
    (PREPARE, packet(b'\0\1\0\0\0')),
]


@pytest.mark.parametrize(('request_', 'reply'), REFUSED_REPLIES)
def test_refused_reply(request_: bytes, reply: bytes) -> None:
    data = ONE + reply + ONE
    for pieces in every_way(data):
        protocol, marks = downstream(pieces, QUERY, request_, QUERY)
        assert marks[0] == (REPLY, len(ONE))
        assert [kind for kind, _ in marks] == [REPLY, OPAQUE]
        assert len(ONE) <= marks[1][1] < len(ONE + reply)
        assert feeding.is_unparsed(protocol)


@pytest.mark.parametrize(
    ('request_', 'why'),
    [(command(18, bytes(10)), 'replication'), (command(30, bytes(20)), 'replication'), (command(32), 'clone')],
)
def test_framing_ends(request_: bytes, why: str) -> None:
    data = ONE + packet(b'\0event') + packet(b'\0event', 2)
    for pieces in every_way(data):
        protocol, marks = downstream(pieces, QUERY, request_)
        assert marks == [(REPLY, len(ONE)), (OPAQUE, len(ONE))]
        assert protocol.opaque == Opaque(why)


def test_nobody_asked() -> None:
    """A server sends an error before it closes an idle connection."""
    for pieces in every_way(ERROR + ok()):
        assert downstream(pieces)[1] == [(INTERIM, len(ERROR)), (INTERIM, len(ERROR + ok()))]


class TestLocalInfile:
    """Tests LOAD DATA LOCAL INFILE: the server asks for a file, which ends with an empty packet."""

    ASKED = packet(b'\xfb/tmp/orders.csv')
    FILE = packet(BIG, 2) + packet(b'1,2,3\n', 3) + packet(b'', 4)

    @pytest.mark.parametrize('file', [FILE, packet(b'', 2), packet(b'y' * MAX_PACKET, 2) + packet(b'', 4)])
    @pytest.mark.parametrize('before', [b'', ONE[:-5] + eof(MORE_RESULTS)[4:]], ids=['alone', 'after another'])
    def test_file(self, file: bytes, before: bytes) -> None:
        for size in (1, 7, len(file)):
            if len(file) > 100_000 and size < 100_000:
                continue
            protocol, marks = downstream([before + self.ASKED], QUERY)
            assert marks == [(PROMPT, len(before + self.ASKED))]
            start, passed = len(greet() + ok() + before + self.ASKED), len(LOGIN + QUERY)
            pieces = feeding.cut(file + QUERY, range(0, len(file + QUERY), size))
            fed = [protocol.feed_upstream(piece) for piece in pieces]
            assert b''.join(data for data, _ in fed) == file + QUERY
            ends = [mark for _, marks in fed for mark in marks]
            assert ends == [(END, passed + len(file)), (REQUEST, passed + len(file + QUERY))]
            assert protocol.feed_downstream(ok() + ONE)[0] == (REPLY, start + len(ok()))

    def test_fails_before_the_file_has_ended(self) -> None:
        protocol, _ = downstream([self.ASKED, ERROR], QUERY)
        passed = len(LOGIN + QUERY)
        assert protocol.feed_upstream(self.FILE)[1] == [(END, passed + len(self.FILE))]

    def test_what_is_held_is_part_of_it(self) -> None:
        protocol, _ = downstream([], QUERY)
        assert protocol.feed_upstream(self.FILE[:3]) == (b'', [])
        protocol.feed_downstream(self.ASKED)
        assert protocol.feed_upstream(self.FILE[3:])[0] == self.FILE


@pytest.mark.parametrize('has_eof', [True, False])
def test_rows_of_several_packets(has_eof: bool) -> None:
    """Without EOF packets, a row with a value above 16 MiB begins as a shorter OK packet does."""
    value = b'\xfe' + MAX_PACKET.to_bytes(8, 'little') + bytes(MAX_PACKET)
    exact = b'\xfd' + (MAX_PACKET - 4).to_bytes(3, 'little') + bytes(MAX_PACKET - 4)
    data = result([value, b'\x011', exact, b'\x012'], has_eof=has_eof)
    flags = PLAIN if has_eof else PLAIN | CLIENT_DEPRECATE_EOF
    for pieces in ([data + ONE[:1]], feeding.cut(data, range(0, len(data), 100_003))):
        assert downstream(pieces, QUERY, QUERY, flags=flags)[1] == [(REPLY, len(data))]


def test_large_value_costs_no_memory() -> None:
    chunk = bytes(1 << 16)
    size = 15 << 20
    beginning = packet(b'\1') + COLUMN + eof() + size.to_bytes(3, 'little') + b'\4'
    protocol, _ = downstream([], QUERY, QUERY)
    start = len(greet() + ok())
    tracemalloc.start()
    assert protocol.feed_downstream(beginning + chunk) == []
    for left in range(size - len(chunk), len(chunk), -len(chunk)):
        assert protocol.downstream_body == left
        protocol.skip_downstream(len(chunk))
    assert tracemalloc.get_traced_memory()[1] < 500_000
    tracemalloc.stop()
    end = start + len(beginning) + size + len(eof())
    assert protocol.feed_downstream(chunk + eof() + ONE) == [(REPLY, end), (REPLY, end + len(ONE))]


# Any stream of valid messages.

cuts = st.lists(st.integers(0, 10_000), max_size=12)
bodies = st.one_of(st.binary(max_size=12), st.sampled_from([b'', BIG, QUERY, b'y' * 1023]))
requests = st.builds(
    lambda code, body: command(code, body), st.sampled_from([1, 2, 3, 9, 14, 22, 23, 24, 25, 28, 99]), bodies
)


@given(st.lists(requests, max_size=8), cuts)
def test_requests_cut_anywhere(messages: list[bytes], places: list[int]) -> None:
    data = b''.join(messages)
    expected: list[Mark] = []
    end = 0
    for message in messages:
        end += len(message)
        expected += [(REQUEST, end)] if message[4] not in (1, 24, 25) else [(REQUEST, end), (UNANSWERED, end)]
    for pieces in ([data], feeding.cut(data, places), messages):
        _, given_back, marks = upstream(pieces)
        assert given_back == data
        assert feeding.uncut(marks) == expected


row_bodies = st.one_of(
    st.binary(min_size=1, max_size=30).filter(lambda row: row[0] < 0xFE), st.sampled_from([text(BIG), text(ONE)])
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Draw capabilities of both sides, and requests with their replies."""
    has_eof, has_flag = draw(st.booleans()), draw(st.booleans())
    flags = (CACHE if has_flag else PLAIN) | (0 if has_eof else CLIENT_DEPRECATE_EOF)

    def make(status: int) -> bytes:
        metadata = draw(st.sampled_from([b'\0', b'\1'])) if has_flag else b''
        rows = draw(st.lists(row_bodies, max_size=4))
        return result(rows, draw(st.integers(1, 4)), has_eof=has_eof, status=status, metadata=metadata)

    def make_any(status: int = 2) -> bytes:
        return make(status) if draw(st.booleans()) else ok(status, affected=draw(st.integers(0, 1 << 17)))

    def make_pair() -> tuple[bytes, bytes]:
        kind = draw(st.integers(0, 6))
        if kind < 3:
            last = ERROR if draw(st.integers(0, 4)) == 0 else make_any()
            more = b''.join(make_any(MORE_RESULTS) for _ in range(draw(st.sampled_from([0, 0, 1, 2]))))
            return (QUERY, EXECUTE, command(250))[kind], more + last
        if kind == 3:
            return PREPARE, prepared(draw(st.integers(0, 3)), draw(st.integers(0, 3)), has_eof=has_eof)
        if kind == 4:
            rows = b''.join(packet(row) for row in draw(st.lists(row_bodies, max_size=4)))
            return FETCH, rows + end_of_rows(has_eof=has_eof)
        if kind == 5:
            return FIELDS, COLUMN * draw(st.integers(0, 3)) + eof()
        return ANSWERED['ping'], ok()

    return flags, [make_pair() for _ in range(draw(st.integers(0, 6)))]


@given(conversations(), cuts)
def test_replies_cut_anywhere(conversation: tuple[int, list[tuple[bytes, bytes]]], places: list[int]) -> None:
    flags, pairs = conversation
    replies = [reply for _, reply in pairs]
    data = b''.join(replies)
    ends = [sum(map(len, replies[: k + 1])) for k in range(len(replies))]
    for pieces in ([data], feeding.cut(data, places), replies):
        assert downstream(pieces, *(request for request, _ in pairs), flags=flags)[1] == [(REPLY, end) for end in ends]


# Any bytes at all.

fragments = st.one_of(
    requests,
    st.sampled_from([LOGIN, greet(), ok(), ONE, ERROR, eof(), PROGRESS, COLUMN, TestLocalInfile.ASKED]),
    st.sampled_from(
        [prepared(1, 1, has_eof=True), packet(b'\1'), packet(b''), ok(MORE_RESULTS), result(has_eof=False)]
    ),
    st.binary(max_size=8),
)
anything = feeding.anything(fragments)


@given(anything, cuts, st.sampled_from([b'', LOGIN]))
def test_any_bytes_upstream(data: bytes, places: list[int], before: bytes) -> None:
    whole, marks = feeding.upstream(MySQL(), [before + data])
    assert whole == before + data
    cut, marks_of_cut = feeding.upstream(MySQL(), feeding.cut(before + data, places))
    assert cut == before + data
    assert feeding.uncut(marks_of_cut) == feeding.uncut(marks)


@given(
    anything,
    cuts,
    st.lists(st.one_of(requests, st.sampled_from([EXECUTE, FIELDS, ANSWERED['change user']])), max_size=6),
    st.sampled_from([PLAIN, CACHE, PLAIN | CLIENT_DEPRECATE_EOF, PLAIN | CLIENT_OPTIONAL_METADATA]),
    st.booleans(),
)
def test_any_bytes_downstream(data: bytes, places: list[int], before: list[bytes], flags: int, greeted: bool) -> None:
    protocols = [MySQL(), MySQL()]
    for protocol in protocols:
        feeding.upstream(protocol, [log_in(flags), *before])
    data = (greet(flags) + ok()) * greeted + data
    marks = feeding.downstream(protocols[0], [data] if data else [])
    assert feeding.downstream(protocols[1], feeding.cut(data, places)) == marks


class TestDescribe:
    """Tests what a log calls a request."""

    @pytest.mark.parametrize(
        ('request_', 'shown'),
        [
            (QUERY, 'SELECT 1'),
            (QUERY + QUERY, 'SELECT 1'),
            (command(3, b'  SELECT *\n\tFROM t\r\n'), 'SELECT * FROM t'),
            (command(3, 'SELECT "é\x00\x1b"'.encode()), 'SELECT "é\\x00\\x1b"'),
            (command(3, b'SELECT "\xff"'), 'SELECT "\\xff"'),
            (command(3, b'SELECT ' + BIG), 'SELECT ' + 'x' * 193),
            (command(3, b'SELECT ' + BIG)[:1028], 'SELECT ' + 'x' * 193),
            (command(3), ''),
            (PREPARE, 'PREPARE SELECT ?'),
            (EXECUTE, 'EXECUTE 1'),
            (FETCH, 'FETCH 1'),
            (UNASKED['close'], 'CLOSE 1'),
            (UNASKED['long data'], 'SEND_LONG_DATA 1'),
            (UNASKED['quit'], 'QUIT'),
            (ANSWERED['init db'], 'INIT_DB shop'),
            (FIELDS, 'FIELD_LIST t'),
            (ANSWERED['ping'], 'PING'),
            (ANSWERED['unknown'], 'command 200'),
            (LOGIN, 'login joe@shop'),
            (log_in(PLAIN & ~CLIENT_CONNECT_WITH_DB), 'login joe'),
            (log_in(PLAIN | CLIENT_PLUGIN_AUTH_LENENC, answer=SECRET * 18), 'login joe@shop'),
            (log_in(PLAIN | CLIENT_PLUGIN_AUTH_LENENC)[:40] + b'\xfc', 'login joe'),
            (log_in(PLAIN & ~CLIENT_SECURE_CONNECTION, answer=b'')[:40] + SECRET + b'\0shop\0', 'login joe@shop'),
            (ANSWERED['change user'], 'CHANGE_USER joe@shop'),
            (b'', 'greeting'),
            (b'\1\0\0\0', '4 bytes'),
            (packet(b'', 0) + QUERY, '17 bytes'),
            (b'\0\0\0\0\3', '5 bytes'),
        ],
    )
    def test_table(self, request_: bytes, shown: str) -> None:
        protocol, _, _ = upstream([])
        assert protocol.describe(request_) == shown

    @pytest.mark.parametrize(
        ('statement', 'shown'),
        [
            (b"CREATE USER joe IDENTIFIED BY '%b'", 'CREATE USER joe IDENTIFIED'),
            (b"create user joe identified\nvia ed25519 using '%b'", 'create user joe identified'),
            (b"SET PASSWORD FOR joe = '%b'", 'SET PASSWORD'),
            (b"SET PASSWORD FOR joe = PASSWORD('%b')", 'SET PASSWORD'),
            (b"SELECT PASSWORD('%b')", 'SELECT PASSWORD'),
            (b"SELECT OLD_PASSWORD/**/('%b')", 'SELECT OLD_PASSWORD'),
            (b"CHANGE MASTER TO MASTER_PASSWORD='%b'", 'CHANGE MASTER TO MASTER_PASSWORD'),
            (b"CREATE TABLE t (a int) CONNECTION = 'mysql://joe:%b@host'", 'CREATE TABLE t (a int) CONNECTION ='),
            (b"UPDATE user SET authentication_string = '%b'", 'UPDATE user SET authentication_string'),
        ],
    )
    @pytest.mark.parametrize(('code', 'before'), [(3, ''), (22, 'PREPARE ')])
    def test_secrets(self, statement: bytes, shown: str, code: int, before: str) -> None:
        assert MySQL().describe(command(code, statement % SECRET)) == before + shown

    @pytest.mark.parametrize(('attributes', 'shown'), [(b'\0\1', 'SELECT 1'), (b'\1\1\0\1\x08\0\1aabcd', 'QUERY')])
    def test_attributes(self, attributes: bytes, shown: str) -> None:
        protocol, _ = downstream([], flags=PLAIN | CLIENT_QUERY_ATTRIBUTES)
        assert protocol.describe(command(3, attributes + b'SELECT 1')) == shown

    @given(st.one_of(st.binary(), anything))
    def test_printable_and_short(self, request_: bytes) -> None:
        shown = MySQL().describe(request_)
        assert shown == '' or shown.isprintable()
        assert len(shown) <= 200

    @given(st.sampled_from([LOGIN, *(ANSWERED['change user'] + SECRET,)]), st.integers(5, 200))
    def test_no_secret_of_a_login_cut_anywhere(self, request_: bytes, size: int) -> None:
        assert 'hunter2' not in MySQL().describe(request_[:size])


def prepare(statement: bytes) -> bytes:
    return command(22, statement)


def execute(identity: int, code: int = 23) -> bytes:
    return command(code, identity.to_bytes(4, 'little') + b'\0\1\0\0\0')


def close(identity: int) -> bytes:
    return command(25, identity.to_bytes(4, 'little'))


#: Stands for what was prepared last.
LATEST = 0xFFFFFFFF


class TestPrepared:
    """Tests that an execution has the text of its statement."""

    def texts(self, *talk: tuple[bytes, bytes], flags: int = PLAIN) -> list[str | None]:
        """Return the texts of requests, each of which is answered before the next."""
        protocol, _ = downstream([], flags=flags)
        describer = feeding.Describer(protocol, len(log_in(flags)))
        for request, reply in talk:
            describer.feed(request)
            describer.describe()
            protocol.feed_downstream(reply)
        return describer.texts

    @pytest.mark.parametrize(
        ('statement', 'text'),
        [
            (b'UPDATE t SET a = ?', 'UPDATE t SET a = ?'),
            (b'SELECT\n  1', 'SELECT 1'),
            (b'SELECT ' + BIG, 'SELECT ' + 'x' * 193),
            (b"SET PASSWORD FOR joe = '%b'" % SECRET, 'SET PASSWORD'),
        ],
    )
    @pytest.mark.parametrize('code', [23, 250])
    @pytest.mark.parametrize('flags', [PLAIN, PLAIN | CLIENT_DEPRECATE_EOF | CLIENT_QUERY_ATTRIBUTES])
    def test_by_its_statement(self, statement: bytes, text: str, code: int, flags: int) -> None:
        known = (prepare(statement), prepared(2, 1, has_eof=flags == PLAIN, identity=7))
        texts = self.texts(known, (execute(7, code), ok()), (execute(LATEST, code), ok()), flags=flags)
        assert texts[0] == f'PREPARE {text}'[:200]
        assert texts[1:] == [text] * 2

    @pytest.mark.parametrize('code', [24, 26, 28])
    def test_others_by_its_number(self, code: int) -> None:
        known = (prepare(b'SELECT 1'), prepared(0, 0, has_eof=True, identity=7))
        assert self.texts(known, (execute(7, code), ok()), (close(7), b''))[1:] == [
            MySQL().describe(execute(7, code)),
            'CLOSE 7',
        ]

    def test_by_its_number(self) -> None:
        """A number that stands for no known statement is shown."""
        known = (prepare(b'SELECT 1'), prepared(0, 0, has_eof=True, identity=7))
        assert self.texts((execute(7), ok())) == ['EXECUTE 7']
        assert self.texts((execute(LATEST), ok())) == [f'EXECUTE {LATEST}']
        assert self.texts(known, (execute(8), ok()), (execute(7, 250), ok()))[1:] == ['EXECUTE 8', 'SELECT 1']
        assert self.texts(known, (close(7), b''), (execute(7), ok()))[1:] == ['CLOSE 7', 'EXECUTE 7']
        assert self.texts((prepare(b'SELECT 1'), ERROR), (execute(1), ok())) == ['PREPARE SELECT 1', 'EXECUTE 1']
        assert self.texts((prepare(b''), prepared(0, 0, has_eof=True)), (execute(1), ok())) == ['PREPARE', 'EXECUTE 1']

    def test_a_number_that_is_given_again(self) -> None:
        protocol, _ = downstream([])
        describer = feeding.Describer(protocol, len(LOGIN))
        describer.feed(prepare(b'SELECT 1'))
        protocol.feed_downstream(prepared(0, 0, has_eof=True))
        describer.feed(execute(1) + close(1) + prepare(b'SELECT 2'))
        protocol.feed_downstream(ONE + prepared(0, 0, has_eof=True))
        describer.feed(execute(1))
        describer.describe()
        assert describer.texts == ['PREPARE SELECT 1', 'SELECT 1', 'CLOSE 1', 'PREPARE SELECT 2', 'SELECT 2']

    def test_the_replies_of_withdrawn_requests_are_those_of_others(self) -> None:
        protocol, _ = downstream([])
        describer = feeding.Describer(protocol, len(LOGIN))
        describer.feed(prepare(b'SELECT 1') + prepare(b'SELECT 2'))
        protocol.withdraw()
        protocol.feed_downstream(prepared(0, 0, has_eof=True))
        describer.feed(execute(1))
        describer.describe()
        assert describer.texts[2:] == ['SELECT 2']

    def test_only_what_does_not_refer_to_it_is_always_the_same(self) -> None:
        protocol, _, _ = upstream([])
        lasting = [QUERY, PREPARE, FETCH, LOGIN, ANSWERED['reset'], UNASKED['close'], UNASKED['quit'], b'']
        assert all(protocol.describes_itself(request) for request in lasting)
        assert not protocol.describes_itself(EXECUTE)
        assert not protocol.describes_itself(ANSWERED['bulk execute'])


class Session:
    """Keeps what a client asks, what a server answers, and the expected text of each request.

    The server gives a number again as soon as it is free; the client knows a number once it has got the answer.
    """

    def __init__(self) -> None:
        self.requests = self.replies = b''
        self.texts: list[str] = []
        self._latest = ''
        self._prepared = 0
        self._open: dict[int, str] = {}
        self._taken: set[int] = set()
        self._learned: dict[int, str] = {}

    def ask(self, kind: str, choice: bool) -> None:
        """Add a request of that *kind*, and its reply."""
        if kind == 'prepare':
            self._prepare(fails=choice)
        elif kind == 'latest' and self._latest:
            self._append(execute(LATEST), self._latest, ONE)
        elif kind in ('execute', 'close') and self._open:
            identity = (min if choice else max)(self._open)
            if kind == 'execute':
                self._append(execute(identity), self._open[identity], ok())
            else:
                del self._open[identity]
                self._taken.remove(identity)
                self._append(close(identity), f'CLOSE {identity}', b'')
        else:
            self._append(QUERY, 'SELECT 1', ONE)

    def _prepare(self, *, fails: bool) -> None:
        self._prepared += 1
        self._latest = f'SELECT {self._prepared}'
        reply = ERROR
        if not fails:
            identity = min(set(range(1, 99)) - self._taken)
            self._taken.add(identity)
            self._learned[identity] = self._latest
            reply = prepared(1, 0, has_eof=True, identity=identity)
        self._append(prepare(self._latest.encode()), f'PREPARE {self._latest}', reply)

    def _append(self, request: bytes, text: str, reply: bytes) -> None:
        self.requests += request
        self.texts.append(text)
        self.replies += reply

    def go_on(self) -> None:
        """Go on as a client that has got its replies."""
        self._open |= self._learned
        self._learned = {}
        self.requests = self.replies = b''


commands = st.sampled_from(['prepare', 'prepare', 'execute', 'execute', 'latest', 'close', 'query'])
pipelines = st.lists(st.tuples(commands, st.booleans()), max_size=4)


@settings(max_examples=200)
@given(st.lists(st.tuples(pipelines, st.sampled_from(['now', 'later', 'never']), cuts), min_size=3, max_size=6))
def test_statements_by_the_order_of_requests(rounds: list[tuple[list[tuple[str, bool]], str, list[int]]]) -> None:
    """A request has the text of what was prepared before it, wherever chunks end and whenever it is described."""
    protocol, _ = downstream([])
    describer = feeding.Describer(protocol, len(LOGIN))
    session = Session()
    for pipeline, described, places in rounds:
        for kind, choice in pipeline:
            session.ask(kind, choice)
        for piece in feeding.cut(session.requests, places):
            describer.feed(piece)
            if described == 'now':
                describer.describe()
        if described == 'never':
            describer.skip()
        describer.describe()
        for piece in feeding.cut(session.replies, places):
            protocol.feed_downstream(piece)
        session.go_on()
    describer.check(session.texts)


class TestError:
    """Tests ERR packets."""

    def error(self, request: bytes, errno: int = 1205, sqlstate: str = '') -> tuple[bytes, bool]:
        protocol = MySQL()
        protocol.begin_fault(request, 'seed')
        error = protocol.error(errno, sqlstate)
        assert not error.prompts
        return error.data, error.closes

    @pytest.mark.parametrize(
        ('errno', 'given', 'sqlstate', 'closes'),
        [
            (1205, '', b'HY000', False),
            (1213, '', b'40001', False),
            (1062, '', b'23000', False),
            (1064, '', b'42000', False),
            (1146, '', b'42S02', False),
            (1045, '', b'28000', False),
            (1040, '', b'08004', False),
            (3024, '', b'HY000', False),
            (1231, '', b'42000', False),
            (1614, '', b'XA102', False),
            (4025, '', b'23000', False),
            (1146, '99ABC', b'99ABC', False),
            (1053, '', b'08S01', True),
            (1927, '', b'70100', True),
            (4031, '', b'HY000', True),
        ],
    )
    def test_of_a_command(self, errno: int, given: str, sqlstate: bytes, closes: bool) -> None:
        data = packet(b'\xff%b#%binjected by vaurien' % (errno.to_bytes(2, 'little'), sqlstate))
        assert self.error(QUERY, errno, given) == (data, closes)
        for pieces in every_way(data):
            assert downstream(pieces, QUERY)[1] == [(REPLY, len(data))]

    @pytest.mark.parametrize(('flags', 'closes'), [(PLAIN, True), (CACHE, False)], ids=['MySQL', 'MariaDB'])
    def test_of_a_change_of_user(self, flags: int, closes: bool) -> None:
        """MySQL closes: ``COM_CHANGE_USER`` in its ``sql_parse.cc``."""
        request = ANSWERED['change user']
        protocol, _ = downstream([], request, flags=flags)
        protocol.begin_fault(request, 'seed')
        for error in (protocol.error(errno=1045), protocol.break_off(Messages(0), errno=1045)):
            assert error.closes == closes
        protocol.begin_fault(QUERY, 'seed')
        assert not protocol.error(errno=1045).closes

    @pytest.mark.parametrize(
        ('options', 'expected'),
        [
            ({}, b'\xff\x10\x04#08004Too many connections'),
            ({'message': 'out of beer'}, b'\xff\x10\x04#08004out of beer'),
            ({'errno': 1045}, b'\xff\x15\x04#28000injected by vaurien'),
        ],
    )
    def test_the_usual_one_of_a_login(self, options: dict[str, Any], expected: bytes) -> None:
        """It waits for no locks."""
        protocol = MySQL()
        protocol.begin_fault(LOGIN, 'seed')
        assert protocol.error(**options) == ErrorReply(packet(expected, 2), closes=True, whole=True)

    def test_with_a_message(self) -> None:
        protocol = MySQL()
        protocol.begin_fault(QUERY, 'seed')
        assert protocol.error(message='out of beer').data == packet(b'\xff\xb5\x04#HY000out of beer')

    @pytest.mark.parametrize(('request_', 'number', 'closes'), [(LOGIN, 2, True), (ANSWERED['change user'], 1, False)])
    def test_of_a_login(self, request_: bytes, number: int, closes: bool) -> None:
        """A failed change of user leaves the user as it was in MariaDB."""
        data, does_close = self.error(request_, 1045)
        assert does_close == closes
        assert data[3] == number
        assert data[4:13] == b'\xff\x15\x04#28000'


def test_withdrawn_request_is_not_expected() -> None:
    protocol, _ = downstream([], PREPARE, QUERY)
    protocol.withdraw()
    assert [kind for kind, _ in protocol.feed_downstream(ONE)] == [REPLY]
    protocol.withdraw()
    assert [kind for kind, _ in protocol.feed_downstream(ok())] == [INTERIM]


@pytest.mark.parametrize('rolls_back', [True, False])
def test_a_lock_wait_timeout_does_what_the_server_says(rolls_back: bool) -> None:
    """It is asked once."""
    protocol, _ = downstream([], QUERY)
    for asks in (True, False):
        protocol.begin_fault(QUERY, 'seed')
        effects = protocol.effects(errno=1205)
        request = next(effects, b'')
        if asks:
            assert b'innodb_rollback_on_timeout' in request
            with suppress(StopIteration):
                request = effects.send(packet(b'\x0arolls back' if rolls_back else b'\0'))
        assert (b'ROLLBACK AND NO CHAIN NO RELEASE' in request) == rolls_back


def test_effects_understand_query_attributes() -> None:
    """The backend takes no query without them then."""
    flags = PLAIN | CLIENT_QUERY_ATTRIBUTES
    protocol, _ = downstream([], command(3, b'\0\1COMMIT'), flags=flags)
    protocol.begin_fault(command(3, b'\0\1COMMIT'), 'seed')
    assert next(protocol.effects(errno=1792))[5:] == b'\0\1ROLLBACK AND NO CHAIN NO RELEASE'


def effects(request_: bytes, errno: int, *replies: bytes, flags: int = PLAIN) -> list[bytes]:
    """Return what the backend is asked after an error; it answers with *replies*, and OK to the rest."""
    protocol, _ = downstream([], request_, flags=flags)
    protocol.begin_fault(request_, 'seed')
    asked: list[bytes] = []
    commands = protocol.effects(errno=errno)
    answers = iter(replies)
    with suppress(StopIteration):
        command_ = next(commands)
        while True:
            asked.append(command_[4:])
            command_ = commands.send(next(answers, ok()))
    return asked


ROLLBACK, COMMIT = b'\3ROLLBACK AND NO CHAIN NO RELEASE', b'\3COMMIT AND NO CHAIN NO RELEASE'
PING = b'\x0e'
#: What a statement is to be followed by on the backend, if it is refused.
EFFECTS: dict[str, list[bytes]] = {
    'COMMIT': [ROLLBACK],
    ' ; commit and chain': [ROLLBACK],
    '-- why\n# how\n/* what */ COMMIT': [ROLLBACK],
    '/*!40101 COMMIT */': [ROLLBACK],
    '/*M!100100 COMMIT */': [ROLLBACK],
    'ROLLBACK': [ROLLBACK],
    'ROLLBACK TO here': [],
    'ROLLBACK WORK TO SAVEPOINT here': [],
    'SAVEPOINT commit': [],
    'COMMITTEES': [],
    'BEGIN': [PING, ROLLBACK],
    'begin work': [PING, ROLLBACK],
    'BEGIN NOT ATOMIC COMMIT; END': [],
    'START TRANSACTION READ ONLY': [PING, ROLLBACK],
    'START SLAVE': [],
    'SET autocommit=1': [PING, ROLLBACK],
    'SET SESSION autocommit = ON': [PING, ROLLBACK],
    'SET @@session.autocommit := TRUE': [PING, ROLLBACK],
    'SET autocommit = 0': [],
    'SET autocommit = 10': [],
    'SET @autocommit = 1': [],
    'CREATE TABLE a (b int)': [COMMIT],
    'CREATE OR REPLACE TABLE a (b int)': [COMMIT],
    'CREATE TEMPORARY TABLE a (b int)': [],
    'CREATE OR REPLACE TEMPORARY TABLE a (b int)': [],
    'DROP INDEX a ON b': [COMMIT],
    'DROP TEMPORARY TABLE a': [],
    'DROP PREPARE a': [],
    'ALTER TABLE a ADD b int': [COMMIT],
    'TRUNCATE a': [COMMIT],
    'GRANT ALL ON a TO b': [COMMIT],
    'SET PASSWORD = 1': [COMMIT],
    'SET STATEMENT max_statement_time = 1 FOR ALTER TABLE a ADD b int': [COMMIT],
    'ANALYZE TABLE a': [COMMIT],
    'ANALYZE SELECT 1': [],
    'CHECK LOCAL TABLE a': [COMMIT],
    'FLUSH TABLES': [COMMIT],
    'RESET PERSIST': [],
    'LOCK TABLES a WRITE': [COMMIT, b'\3BEGIN', ROLLBACK],
    'LOCK INSTANCE FOR BACKUP': [],
    'UNLOCK TABLES': [],
    'USE a': [],
    'PREPARE `a b` FROM "SELECT 1"': [b'\3DEALLOCATE PREPARE `a b`'],
    'prepare a from @b': [b'\3DEALLOCATE PREPARE a'],
    'EXECUTE a': [],
    'DEALLOCATE PREPARE a': [],
    'XA START 1': [],
    'XA END 1': [],
    "XA PREPARE 'a','b',1 ;": [b"\3XA ROLLBACK 'a','b',1"],
    "xa commit x'00' one phase": [b"\3XA ROLLBACK x'00'"],
    'XA COMMIT 1': [],
    'XA ROLLBACK 1': [],
    'SELECT 1': [],
}


@pytest.mark.parametrize(('statement', 'expected'), EFFECTS.items())
def test_effects(statement: str, expected: list[bytes]) -> None:
    """It is refused in a transaction, with autocommit off."""
    assert effects(command(3, statement.encode()), 1146, ok(1)) == expected


@pytest.mark.parametrize(
    ('statement', 'expected'),
    [(b'COMMIT', ROLLBACK), (b'-- why\nCOMMIT', ROLLBACK), (b'/* %b */ DROP TABLE a' % (b'x' * 250), COMMIT)],
)
def test_effects_of_an_execution(statement: bytes, expected: bytes) -> None:
    """Its cursor and its long data are gone, before anything else. A log shows comments otherwise than they are."""
    protocol, _ = downstream([], prepare(statement))
    protocol.feed_downstream(prepared(0, 0, has_eof=True))
    request = execute(1)
    protocol.feed_upstream(request)
    protocol.on_reached(10_000)
    protocol.begin_fault(request, 'seed')
    commands = protocol.effects(errno=1146)
    assert next(commands)[4:] == b'\x1a\1\0\0\0'
    assert commands.send(ok())[4:] == expected


@pytest.mark.parametrize(
    ('statement', 'errno', 'expected'),
    [
        ('COMMIT', 1064, []),
        ('COMMIT', 1399, []),
        ('COMMIT', 1290, [ROLLBACK]),
        ('ALTER TABLE a ADD b int', 1064, []),
        ('ALTER TABLE a ADD b int', 1290, []),
        ('ALTER TABLE a ADD b int', 1205, [COMMIT]),
        ('ALTER TABLE a ADD b int', 1180, [ROLLBACK]),
        ('FLUSH TABLES', 1290, [ROLLBACK]),
        ('LOCK TABLES a READ', 1290, [ROLLBACK, b'\3BEGIN', ROLLBACK]),
        ('PREPARE a FROM "nonsense"', 1064, [b'\3DEALLOCATE PREPARE a']),
        ('XA PREPARE 1', 1399, []),
        ('XA COMMIT 1 ONE PHASE', 1290, []),
        ('XA COMMIT 1', 1402, [b'\3XA ROLLBACK 1']),
        ('XA END 1', 1614, [b'\3XA END 1', b'\3XA ROLLBACK 1', b'\3XA START 1', b'\3XA END 1']),
        ('SELECT 1', 1213, [ROLLBACK]),
        ('SELECT 1', 1020, [ROLLBACK]),
        ('SELECT 1', 1062, []),
        ('ALTER TABLE a ADD b int', 1927, [COMMIT]),
        ('ALTER TABLE a ADD b int', 1153, []),
        ('COMMIT', 1927, []),
    ],
)
def test_effects_depend_on_the_error(statement: str, errno: int, expected: list[bytes]) -> None:
    assert effects(command(3, statement.encode()), errno) == expected


@pytest.mark.parametrize(
    ('statement', 'status', 'rolls_back'),
    [
        (b'BEGIN', 0, False),
        (b'BEGIN', 1, True),
        (b'BEGIN', 3, True),
        (b'SET autocommit = 1', 1, True),
        (b'SET autocommit = 1', 2, False),
        (b'SET autocommit = 1', 3, False),
    ],
)
def test_what_only_commits_depends_on_the_transaction(statement: bytes, status: int, rolls_back: bool) -> None:
    assert effects(command(3, statement), 1205, ok(status)) == [PING] + [ROLLBACK] * rolls_back
    assert effects(command(3, statement), 1205, ERROR) == [PING]


def test_a_distributed_transaction_ends_with_the_connection() -> None:
    state = packet(b'\xff\x77\x05#XAE07in the ACTIVE state')
    assert effects(command(3, b'SELECT 1'), 1213, state) == [ROLLBACK, b'\3KILL CONNECTION_ID()']


@pytest.mark.parametrize(
    ('flags', 'errno', 'expected'),
    [(PLAIN, 1045, []), (CACHE, 1045, [b'\x1f', b'\3SET NAMES DEFAULT']), (CACHE, 1047, [])],
)
def test_effects_of_a_change_of_user(flags: int, errno: int, expected: list[bytes]) -> None:
    assert effects(ANSWERED['change user'], errno, flags=flags) == expected


def test_effects_of_long_data() -> None:
    """They have no reply, and so does what goes in their place."""
    assert effects(command(0x18, b'\1\0\0\0\0\0long'), 1105) == [b'\x18\1\0\0\0\xff\xff']


@pytest.mark.parametrize(('code', 'would_fail'), [(1, False), (0x19, False), (3, True), (0x18, True)])
def test_what_no_server_refuses(code: int, would_fail: bool) -> None:
    protocol, _ = downstream([])
    protocol.begin_fault(command(code, b'\1\0\0\0'), 'seed')
    assert protocol.would_fail() == would_fail


@pytest.mark.parametrize('request_', [b'', LOGIN, ANSWERED['ping'], command(0x19, b'\1\0\0\0')])
def test_no_effects(request_: bytes) -> None:
    protocol, _ = downstream([], QUERY)
    protocol.begin_fault(request_, 'seed')
    assert list(protocol.effects(errno=1062)) == []
