"""Requests that RFC 9112 calls malformed, or that two servers may read differently: they are rejected.

What follows such a request is never taken for another one.
"""

from __future__ import annotations

import pytest

from tests.control.fake import ServedProxy
from tests.peers import Peer

BODY = b'{"name": "hang"}'
CHUNKS = b'10\r\n' + BODY + b'\r\n0\r\n\r\n'
LENGTH = b'Content-Length: 16\r\n'
CHUNKED = b'Transfer-Encoding: chunked\r\n'
#: What would be smuggled past a server in front of this one.
NEXT = b'PUT /backend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\n{"backend": "evil.example:6379"}'

#: First lines.
LINES = [
    b'PUT /behavior',
    b'PUT  /behavior HTTP/1.1',
    b'PUT /behavior  HTTP/1.1',
    b'PUT\t/behavior HTTP/1.1',
    b' PUT /behavior HTTP/1.1',
    b'PUT /behavior HTTP/1.1 ',
    b'PUT /beha vior HTTP/1.1',
    b'PUT /behavior\x0b HTTP/1.1',
    b'PUT /behavior\0 HTTP/1.1',
    b'PUT /behavior HTTP/1.1\r',
    b'PUT /behavior\rHTTP/1.1',
    b'PUT /behavior HTTP/2.0',
    b'PUT /behavior HTTP/0.9',
    b'PUT /behavior HTTP/1.2',
    b'PUT /behavior HTTP/1.1.1',
    b'PUT /behavior HTTP/01.1',
    b'PUT /behavior HTTP/1.\xb2',
    b'PUT /behavior http/1.1',
    b'P(T /behavior HTTP/1.1',
    b'P\0T /behavior HTTP/1.1',
    b'PUT HTTP/1.1',
]

#: The length of the body, said in a way that is wrong or has two readings.
LENGTHS = [
    LENGTH + LENGTH,
    LENGTH + b'Content-Length: 5\r\n',
    b'Content-Length: 16, 16\r\n',
    b'Content-Length: 16,5\r\n',
    b'Content-Length: +16\r\n',
    b'Content-Length: -16\r\n',
    b'Content-Length: 1_6\r\n',
    b'Content-Length: 1 6\r\n',
    b'Content-Length: 0x10\r\n',
    b'Content-Length: 16.0\r\n',
    b'Content-Length: \xb9\xb6\r\n',
    b'Content-Length: "16"\r\n',
    b'Content-Length:\r\n',
    b'Content-Length: 99999999999999999999999\r\n',
    b'Content-Length : 16\r\n',
    b'Content-Length\t: 16\r\n',
    LENGTH + CHUNKED,
    CHUNKED + LENGTH,
    CHUNKED + b'content-length: 0\r\n',
    CHUNKED + CHUNKED,
    b'Transfer-Encoding: gzip\r\n',
    b'Transfer-Encoding: gzip, chunked\r\n',
    b'Transfer-Encoding: chunked, gzip\r\n',
    b'Transfer-Encoding: chunked, chunked\r\n',
    b'Transfer-Encoding: identity\r\n',
    b'Transfer-Encoding: identity\r\n' + LENGTH,
    b'Transfer-Encoding: xchunked\r\n',
    b'Transfer-Encoding: "chunked"\r\n',
    b'Transfer-Encoding: chunked;q=1\r\n',
    b'Transfer-Encoding: \x0bchunked\r\n',
    b'Transfer-Encoding:\r\n',
    b'Transfer-Encoding : chunked\r\n',
    b'X: y\r\n Transfer-Encoding: chunked\r\n',
]

#: Other fields, beside a good length.
FIELDS = [
    b'X: a\r\n b\r\n',
    b'X: a\r\n\tb\r\n',
    b' X: a\r\n',
    b'X : a\r\n',
    b'X: a\nY: b\r\n',
    b'X: a\n',
    b'X: a\rb\r\n',
    b'X: a\r\r\n',
    b'X: a\0b\r\n',
    b'X: a\x01b\r\n',
    b'X: a\x7fb\r\n',
    b'X\0: a\r\n',
    b'X\r: a\r\n',
    b'X(: a\r\n',
    b'X\xe9: a\r\n',
    b': a\r\n',
    b'X\r\n',
    b'Host: other\r\n',
    b'Host: localhost\r\n',
    b'X: y\r\n' * 100,
    b'X: ' + b'y' * 70_000 + b'\r\n',
]

#: Bodies in chunks.
BODIES = [
    b'\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'+' + CHUNKS,
    b'-' + CHUNKS,
    b' ' + CHUNKS,
    b'0x' + CHUNKS,
    b'1_0\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'10 \r\n' + BODY + b'\r\n0\r\n\r\n',
    b'10\n' + BODY + b'\r\n0\r\n\r\n',
    b'10\r' + BODY + b'\r\n0\r\n\r\n',
    b'10;\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'10;a\nb\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'10;a\0\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'10;' + b'a' * 10_000 + b'\r\n' + BODY + b'\r\n0\r\n\r\n',
    b';a\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'0010000000000000010\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'ffffffffffffffff0\r\n' + BODY,
    b'9\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'11\r\n' + BODY + b'\r\n0\r\n\r\n',
    b'10\r\n' + BODY + b'0\r\n\r\n',
    b'10\r\n' + BODY + b'\n0\r\n\r\n',
    b'10\r\n' + BODY + b'\r\n0\r\nX\r\n\r\n',
    b'10\r\n' + BODY + b'\r\n0\r\nX : y\r\n\r\n',
    b'10\r\n' + BODY + b'\r\n0\r\nX: y\n\r\n',
    b'10\r\n' + BODY + b'\r\n0\r\nX: \0\r\n\r\n',
    b'10\r\n' + BODY + b'\r\n0\r\n' + b'X: y\r\n' * 20_000 + b'\r\n',
]


def answer_to(served: ServedProxy, data: bytes) -> bytes:
    """Return everything that is answered until the connection is closed, which has to happen."""
    with Peer.connect(served.address.port) as peer:
        peer.send(data)
        return peer.recv_all()


def assert_refused(served: ServedProxy, data: bytes) -> None:
    answer = answer_to(served, data + NEXT)
    assert answer.startswith(b'HTTP/1.1 400 ')
    assert answer.count(b'HTTP/1.1 ') == 1
    assert b'connection: close\r\n' in answer.lower()
    assert served.proxy.told == []


def put(fields: bytes, body: bytes) -> bytes:
    return b'PUT /behavior HTTP/1.1\r\nHost: localhost\r\n' + fields + b'\r\n' + body


@pytest.mark.parametrize('line', LINES, ids=repr)
def test_first_lines(served: ServedProxy, line: bytes) -> None:
    assert_refused(served, line + b'\r\nHost: localhost\r\n' + LENGTH + b'\r\n' + BODY)


@pytest.mark.parametrize('fields', LENGTHS, ids=repr)
def test_lengths(served: ServedProxy, fields: bytes) -> None:
    assert_refused(served, put(fields, CHUNKS if b'hunked' in fields else BODY))


@pytest.mark.parametrize('fields', FIELDS, ids=lambda fields: repr(fields[:20]))
def test_fields(served: ServedProxy, fields: bytes) -> None:
    assert_refused(served, put(fields + LENGTH, BODY))


@pytest.mark.parametrize('body', BODIES, ids=lambda body: repr(body[:40]))
def test_chunks(served: ServedProxy, body: bytes) -> None:
    assert_refused(served, put(CHUNKED, body))


@pytest.mark.parametrize(
    'data',
    [
        b'PUT /behavior HTTP/1.0\r\nHost: localhost\r\n' + CHUNKED + b'\r\n' + CHUNKS,
        b'PUT /behavior HTTP/1.1\r\n' + LENGTH + b'\r\n' + BODY,
        put(LENGTH, BODY).replace(b'\r\n', b'\n'),
        b'\r\n\r\n' + put(LENGTH, BODY),
        b'\n' + put(LENGTH, BODY),
    ],
    ids=['chunks in HTTP/1.0', 'no Host', 'no CR', 'two empty lines', 'LF'],
)
def test_whole_requests(served: ServedProxy, data: bytes) -> None:
    assert_refused(served, data)


@pytest.mark.parametrize(
    'data',
    [
        put(LENGTH, BODY),
        put(b'CONTENT-LENGTH:16\r\n', BODY),
        put(b'Content-Length: \t 0016 \r\n', BODY),
        put(CHUNKED, CHUNKS),
        put(b'transfer-encoding:CHUNKED \r\n', CHUNKS),
        put(CHUNKED, b'1\r\n{\r\n0f;a=b;c="d"\r\n"name": "hang"}\r\n000\r\nX: y\r\n\r\n'),
        put(b'X:\r\nY: \xe9\xff\t!\r\nX: again\r\n' + LENGTH, BODY),
        put(b'X: y\r\n' * 98 + LENGTH, BODY),
        b'\r\n' + put(LENGTH, BODY),
        put(b'Upgrade: websocket\r\nConnection: Upgrade\r\n' + LENGTH, BODY),
        put(b'Upgrade: websocket\r\nConnection: Upgrade\r\n' + CHUNKED, CHUNKS),
        b'PUT /behavior HTTP/1.0\r\nConnection: keep-alive\r\n' + LENGTH + b'\r\n' + BODY,
    ],
    ids=lambda data: repr(data[22:70]),
)
def test_what_is_well_formed(served: ServedProxy, data: bytes) -> None:
    """Two of the same on one connection are both done."""
    last = b'GET /behavior HTTP/1.1\r\nHost: localhost\r\nConnection: te, close\r\n\r\n'
    assert answer_to(served, data * 2 + last).count(b'HTTP/1.1 200 OK\r\n') == 3
    assert len(served.proxy.told) == 2


def test_nothing_is_read_before_its_empty_line(served: ServedProxy) -> None:
    with Peer.connect(served.address.port) as peer:
        peer.send(b'PUT /behavior HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n')
        peer.shut_down()
        assert peer.recv_all().startswith(b'HTTP/1.1 400 ')
    assert served.proxy.told == []
