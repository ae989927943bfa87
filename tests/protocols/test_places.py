"""Places in replies: they are where the reply says, in whatever pieces it arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings, strategies as st

from tests.protocols.feeding import cut, single
from vaurien.errors import OptionError
from vaurien.framing.finder import Finder
from vaurien.plugins.place import Place
from vaurien.protocols import Protocol
from vaurien.protocols.http import HTTP
from vaurien.protocols.mysql import MySQL
from vaurien.protocols.mysql.login import CLIENT_DEPRECATE_EOF
from vaurien.protocols.postgres.messages import make_message

CRLF = b'\r\n'
MAX_PACKET = 0xFFFFFF


class Reply(NamedTuple):
    """A reply in pieces, each with whether the thing that is counted ends with it."""

    pieces: Sequence[tuple[bytes, bool]]

    @property
    def data(self) -> bytes:
        """The bytes of the reply."""
        return b''.join(piece for piece, _ in self.pieces)

    @property
    def places(self) -> list[int]:
        """The places behind each thing that is counted."""
        ends = accumulate(len(piece) for piece, _ in self.pieces)
        return [end for end, (_, counts) in zip(ends, self.pieces, strict=True) if counts]


def find(finder: Finder, pieces: Sequence[bytes]) -> int | None:
    """Return the place in the reply, in these *pieces*; None if it does not come."""
    passed = 0
    for piece in pieces:
        step = finder.feed(piece)
        passed += step
        if not finder.left:
            return passed
        assert step == len(piece)
    return None


def check(make: Callable[[Place], Finder], unit: str, reply: Reply, places: Sequence[int]) -> None:
    """Check all places in *reply*: when it comes whole, byte by byte, and cut at *places*."""
    for pieces in ([reply.data], list(single(reply.data)), cut(reply.data, places)):
        found = [find(make(Place.parse(f'{i + 1} {unit}')), pieces) for i in range(len(reply.places) + 1)]
        assert found == [*reply.places, None]


#: A reply is walked through many times in each example.
few = settings(max_examples=40)
cuts = st.lists(st.integers(0, 2**16), max_size=8)

# PostgreSQL

pg_messages = st.lists(
    st.tuples(st.sampled_from([b'D', b'd', b'T', b'N', b'C', b'1', b'A']), st.binary(max_size=40)), max_size=12
)


@few
@given(pg_messages, cuts)
def test_postgres(messages: Sequence[tuple[bytes, bytes]], places: Sequence[int]) -> None:
    protocol = Protocol.get('postgres')()
    made = [(make_message(kind, body), kind) for kind, body in messages]
    check(protocol.find, 'messages', Reply([(data, True) for data, _ in made]), places)
    check(protocol.find, 'rows', Reply([(data, kind in b'Dd') for data, kind in made]), places)


# MySQL


def make_packet(number: int, payload: bytes) -> bytes:
    """Return a message of one packet, or more where it has to be."""
    packets = b''
    while True:
        piece, payload = payload[:MAX_PACKET], payload[MAX_PACKET:]
        packets += len(piece).to_bytes(3, 'little') + bytes([number % 256]) + piece
        number += 1
        if len(piece) < MAX_PACKET:
            return packets


def make_mysql(request: bytes, *, has_eof: bool) -> MySQL:
    """Return a protocol at the reply to *request*."""
    protocol = MySQL()
    protocol._of_backend = protocol._of_client = 0 if has_eof else CLIENT_DEPRECATE_EOF
    protocol._agree()
    protocol.begin_fault(request, '')
    return protocol


def make_result(columns: int, rows: Sequence[bytes], *, has_eof: bool, more: bool) -> list[tuple[bytes, bool]]:
    """Return the payloads of a result, each with whether it is a row."""
    status = (8 if more else 0).to_bytes(2, 'little')
    eof = b'\xfe\0\0' + status
    end = eof if has_eof else b'\xfe\0\0' + status + b'\0\0'
    definitions = [(b'\3def' + b'x' * 30, False)] * columns + ([(eof, False)] if has_eof else [])
    return [(bytes([columns]), False), *definitions, *((row, True) for row in rows), (end, False)]


QUERY = make_packet(0, b'\3SELECT 1')
OK = b'\0\0\0\x02\0\0\0'
mysql_rows = st.lists(
    st.one_of(
        st.binary(max_size=30).map(lambda text: bytes([len(text)]) + text),  # of text
        st.binary(min_size=4, max_size=30).map(lambda text: b'\0\0' + text),  # binary
        st.just(b'\xfb'),  # NULL
        st.just(b'\xfe' + (300).to_bytes(8, 'little') + b'x' * 300),  # like an EOF packet
    ),
    max_size=6,
)


@few
@given(st.lists(st.tuples(st.integers(1, 3), mysql_rows), min_size=1, max_size=3), st.booleans(), cuts)
def test_mysql(results: Sequence[tuple[int, Sequence[bytes]]], has_eof: bool, places: Sequence[int]) -> None:
    # Where there are no EOF packets, a row that begins like one is longer than any packet.
    payloads = [
        part
        for i, (columns, rows) in enumerate(results)
        for part in make_result(
            columns,
            [row for row in rows if has_eof or row[:1] != b'\xfe'],
            has_eof=has_eof,
            more=i < len(results) - 1,
        )
    ]
    payloads.append((OK, False))
    reply = Reply([(make_packet(i + 1, payload), is_row) for i, (payload, is_row) in enumerate(payloads)])
    protocol = make_mysql(QUERY, has_eof=has_eof)
    check(protocol.find, 'rows', reply, places)
    check(protocol.find, 'messages', Reply([(packet, True) for packet, _ in reply.pieces]), places)


def test_rows_of_several_packets() -> None:
    rows = [b'\xfe' + (MAX_PACKET).to_bytes(8, 'little') + bytes(MAX_PACKET), b'\3abc', bytes(MAX_PACKET), b'\3abc']
    payloads = make_result(1, rows, has_eof=False, more=False)
    numbers = [1, 2, 3, 5, 6, 8, 9]
    reply = Reply([(make_packet(i, payload), is_row) for i, (payload, is_row) in zip(numbers, payloads, strict=True)])
    assert len(reply.places) == 4
    protocol = make_mysql(QUERY, has_eof=False)
    data = reply.data
    pieces = [data[i : i + 65_536] for i in range(0, len(data), 65_536)]
    for i, place in enumerate(reply.places):
        assert find(protocol.find(Place.parse(f'{i + 1} rows')), pieces) == place


@pytest.mark.parametrize(
    ('request_', 'rows'),
    [
        (make_packet(0, b'\x1c\1\0\0\0\5\0\0\0'), 2),  # FETCH
        (make_packet(0, b'\x16SELECT 1'), 0),  # PREPARE
        (make_packet(1, b'\x85\xa6' + bytes(40)), 0),  # a login
        (b'', 0),  # a greeting
    ],
)
def test_replies_of_mysql_that_are_rows_or_have_none(request_: bytes, rows: int) -> None:
    payloads = [(b'\0\0\1', True), (b'\0\0\2', True), (b'\xfe\0\0\0\0', False)]
    reply = Reply(
        [(make_packet(i + 1, payload), is_row and bool(rows)) for i, (payload, is_row) in enumerate(payloads)]
    )
    check(make_mysql(request_, has_eof=True).find, 'rows', reply, [])


def test_a_cursor_has_no_rows_at_once() -> None:
    opened = [b'\1', b'\3def' + b'x' * 30, b'\xfe\0\0\x40\0']
    reply = Reply([(make_packet(i + 1, payload), False) for i, payload in enumerate(opened)])
    check(make_mysql(QUERY, has_eof=True).find, 'rows', reply, [])


# Redis

scalars = st.one_of(
    st.just(b'+OK\r\n'),
    st.just(b':12\r\n'),
    st.just(b'$-1\r\n'),
    st.just(b'*-1\r\n'),
    st.just(b'_\r\n'),
    st.binary(max_size=1100).map(lambda value: b'$%d\r\n%b\r\n' % (len(value), value)),
)
nested = st.recursive(
    scalars,
    lambda values: st.one_of(
        st.lists(values, max_size=3).map(lambda some: b'*%d\r\n' % len(some) + b''.join(some)),
        st.lists(st.tuples(values, values), max_size=2).map(
            lambda some: b'%%%d\r\n' % len(some) + b''.join(key + value for key, value in some)
        ),
        st.tuples(values, values, values).map(lambda some: b'|1\r\n' + b''.join(some)),
    ),
    max_leaves=6,
)


@few
@given(st.sampled_from([b'*', b'~', b'>', b'%']), st.lists(nested, max_size=6), st.booleans(), cuts)
def test_redis(kind: bytes, values: Sequence[bytes], has_attribute: bool, places: Sequence[int]) -> None:
    size = 2 if kind == b'%' else 1
    values = values[: len(values) // size * size]
    pieces = [(value, (i + 1) % size == 0) for i, value in enumerate(values)]
    attribute = b'|1\r\n+ttl\r\n:3\r\n' if has_attribute else b''
    reply = Reply([(attribute + kind + b'%d\r\n' % (len(values) // size), False), *pieces])
    check(Protocol.get('redis')().find, 'elements', reply, places)


@few
@given(scalars, cuts)
def test_what_is_no_array_of_redis_has_no_elements(value: bytes, places: Sequence[int]) -> None:
    check(Protocol.get('redis')().find, 'elements', Reply([(value, False)]), places)


# HTTP

HEAD = b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
TO_BE_CHUNKED = HEAD + b'Transfer-Encoding: chunked\r\n\r\n'


@few
@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=60), st.sampled_from([b'', b';a=b', b' ;c="d"'])), max_size=6),
    st.sampled_from([b'', b'Etag: "a"\r\n']),
    cuts,
)
def test_chunks(chunks: Sequence[tuple[bytes, bytes]], trailer: bytes, places: Sequence[int]) -> None:
    pieces = [(b'%x%b\r\n%b\r\n' % (len(body), extension, body), True) for body, extension in chunks]
    reply = Reply([(TO_BE_CHUNKED, False), *pieces, (b'0\r\n' + trailer + CRLF, False)])
    check(HTTP().find, 'chunks', reply, places)


def test_a_body_of_known_length_has_no_chunks() -> None:
    reply = Reply([(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n5\r\nhello\r\n', False)])
    check(HTTP().find, 'chunks', reply, [])


blocks = st.lists(
    st.sampled_from([b'data', b'data: x', b'data:{"a": 1}', b'id: 7', b'event: ping', b': comment', b'datum: 1']),
    max_size=4,
)
#: With a lone CR, an event is over when the byte behind it is there, wherever that is.
ends_and_framings = st.sampled_from(
    [(end, framing) for end in (b'\n', b'\r\n', b'\r') for framing in ('length', 'close', 'chunked')][:-1]
)


def has_data(lines: Sequence[bytes]) -> bool:
    """Return whether there is an event in these lines."""
    return any(line == b'data' or line.startswith(b'data:') for line in lines)


@few
@given(st.lists(blocks, max_size=5), ends_and_framings, st.lists(st.integers(1, 20), max_size=9), cuts, st.booleans())
@example([[b'data: x'], [b'data: y']], (b'\r\n', 'chunked'), [10, 1, 1], [], False)
@example([[b'data: x'], [b'data: y']], (b'\n', 'close'), [], [], True)
@example([[b'data'], [b'\xef\xbb\xbfdata']], (b'\n', 'chunked'), [2, 2, 2], [], True)
def test_events(
    parts: Sequence[Sequence[bytes]],
    end_and_framing: tuple[bytes, str],
    sizes: Sequence[int],
    places: Sequence[int],
    is_marked: bool,
) -> None:
    """An event may lie in several chunks, and end anywhere in one. A byte order mark is no part of the first."""
    end, framing = end_and_framing
    events = [(end.join([*lines, b'', b'']), has_data(lines)) for lines in parts] + [(b': end\n', False)]
    if is_marked:  # with a byte order mark
        events[0] = (b'\xef\xbb\xbf' + events[0][0], events[0][1])
    body = b''.join(data for data, _ in events)
    inside = Reply(events).places
    if framing != 'chunked':
        head = HEAD + (b'Content-Length: %d\r\n' % len(body) if framing == 'length' else b'') + CRLF
        check(HTTP().find, 'events', Reply([(head, False), *events]), places)
        return
    # Each byte of the body, with what frames the chunk that it begins or ends.
    edges = sorted({0, len(body), *(edge for edge in accumulate(sizes) if edge < len(body))})
    pieces: list[tuple[bytes, bool]] = [(TO_BE_CHUNKED, False)]
    for i in range(len(body)):
        if i in edges:
            size = edges[edges.index(i) + 1] - i
            pieces.append(((CRLF if i else b'') + b'%x\r\n' % size, False))
        pieces.append((body[i : i + 1], i + 1 in inside))
    pieces.append((b'\r\n0\r\n\r\n', False))
    check(HTTP().find, 'events', Reply(pieces), places)


# What does not parse


@few
@given(
    st.sampled_from([(name, unit) for name in Protocol.names() for unit in Protocol.get(name).reply_units]), st.data()
)
def test_in_noise_the_place_never_comes_or_stays(protocol_and_unit: tuple[str, str], data: st.DataObject) -> None:
    protocol, unit = protocol_and_unit
    beginning = {'http': TO_BE_CHUNKED, 'redis': b'*3\r\n'}.get(protocol, b'')
    noise = beginning + data.draw(st.binary(max_size=200))
    language = Protocol.get(protocol)()
    language.begin_fault(QUERY if protocol == 'mysql' else b'', '')
    places = {
        find(language.find(Place.parse(f'2 {unit}')), pieces)
        for pieces in ([noise], list(single(noise)), cut(noise, data.draw(cuts)))
    }
    assert len(places) == 1


# The others


@few
@given(st.lists(st.sampled_from([b'250-SIZE\r\n', b'250 HELP\r\n', b'\n']), max_size=5), cuts)
def test_lines(lines: Sequence[bytes], places: Sequence[int]) -> None:
    check(Protocol.get('smtp')().find, 'lines', Reply([(line, True) for line in lines]), places)


@pytest.mark.parametrize('protocol', Protocol.names())
@few
@given(data=st.binary(max_size=40), places=cuts)
def test_bytes(protocol: str, data: bytes, places: Sequence[int]) -> None:
    check(Protocol.get(protocol)().find, 'bytes', Reply([(data[i : i + 1], True) for i in range(len(data))]), places)


@pytest.mark.parametrize(
    ('protocol', 'unit', 'known'),
    [
        ('http', 'rows', 'bytes, chunks, events'),
        ('postgres', 'elements', 'bytes, rows, messages'),
        ('mysql', 'events', 'bytes, rows, messages'),
        ('redis', 'messages', 'bytes, elements'),
        ('smtp', 'rows', 'bytes, lines'),
        ('memcache', 'lines', 'bytes'),
        ('tcp', 'rows', 'bytes'),
    ],
)
def test_what_replies_are_not_counted_by(protocol: str, unit: str, known: str) -> None:
    language = Protocol.get(protocol)
    with pytest.raises(OptionError) as caught:
        language.check_place(Place.parse(f'3 {unit}'))
    assert str(caught.value) == f'after: replies of {protocol} are counted by {known}, not by {unit}'
    for own in known.split(', '):
        language.check_place(Place.parse(f'3 {own}'))
    language.check_place(Place.parse('server_hello'))
    language.check_place(None)
