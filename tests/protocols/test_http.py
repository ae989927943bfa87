"""HTTP/1.x: every case whole, byte by byte, and with others around it; against h11 as an independent reader.

These are the tests of all files in `vaurien/protocols/http/`, but for its ``quick.py``: see `test_quick`.
"""

from __future__ import annotations

import tracemalloc
from random import Random
from time import process_time

import h11
import pytest
from hypothesis import given, strategies as st

from tests.protocols import feeding
from tests.scaling import takes_linear_time
from vaurien.protocols.base import END, HEAD, INTERIM, MAX_HEAD, OPAQUE, REPLY, REQUEST, Opaque
from vaurien.protocols.http import HTTP
from vaurien.protocols.http.headers import Headers

BACKEND = 'backend:8888'
GET = b'GET /orders/7 HTTP/1.1\r\nHost: a\r\n\r\n'
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


def make(*, overwrite: bool = False, backend: str = BACKEND) -> HTTP:
    protocol = HTTP({'overwrite-host-header': overwrite})
    protocol.set_backend(backend)
    protocol.random = Random(1)
    return protocol


def asked(*requests: bytes) -> HTTP:
    """Return a protocol that waits for the replies to *requests*."""
    protocol = make()
    for request in requests:
        assert protocol.feed_upstream(request)[0] == request
    return protocol


def head(line: str, *headers: str) -> bytes:
    return '\r\n'.join([line, *headers, '', '']).encode('latin-1')


REQUESTS = {
    'get': GET,
    'get 1.0': head('GET / HTTP/1.0', 'Connection: Keep-Alive'),
    'no headers': head('GET / HTTP/1.1'),
    'empty lines before': b'\r\n\r\n' + GET,
    'head': head('HEAD / HTTP/1.1', 'Host: a'),
    'options *': head('OPTIONS * HTTP/1.1', 'Host: a'),
    'unknown to httptools': head('LIST /v1/secret HTTP/1.1', 'Host: a'),
    'unknown to httptools, with a body': head('RE-INDEX /a HTTP/1.1', 'Content-Length: 3') + b'abc',
    'utf-8': head('GET /caf\xc3\xa9?\xff HTTP/1.1', 'Host: a'),
    'absolute form': head('GET http://a/b HTTP/1.1', 'Host: a'),
    'connect': head('CONNECT a:443 HTTP/1.1', 'Host: a'),
    'post': head('POST / HTTP/1.1', 'Content-Length: 5') + b'12345',
    'post odd case': head('POST / HTTP/1.1', 'cOnTeNt-LeNgTh:   005  ') + b'12345',
    'post nothing': head('POST / HTTP/1.1', 'Content-Length: 0'),
    'post like a request': head('POST / HTTP/1.1', f'Content-Length: {len(GET)}') + GET,
    'put, expect': head('PUT / HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 3') + b'\r\n\r',
    'chunked': head('POST / HTTP/1.1', 'Transfer-Encoding: chunked') + b'3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n',
    'chunked, nothing': head('POST / HTTP/1.1', 'Transfer-Encoding: chunked') + b'000\r\n\r\n',
    'chunked, all': head('POST / HTTP/1.1', 'TRANSFER-ENCODING: gzip, Chunked')
    + b'3;a=b;c="d;e"\r\n\r\n\r\r\n0\r\nA: b\r\nC-D: \r\n\r\n',
    'upgrade': head('GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket'),
    'upgrade with a body': head('POST / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 2') + b'ab',
    'length elsewhere': head('GET /?Content-Length:9 HTTP/1.1', 'X-Content-Length: 9', 'Y: \tContent-Length: 9'),
}

#: Those behind which no server reads on.
LAST = {
    'close': head('GET / HTTP/1.1', 'Connection: close'),
    'close among others': head('GET / HTTP/1.1', 'connection: TE ,\tCLOSE', 'Connection: keep-alive'),
    'close, post': head('POST / HTTP/1.1', 'Connection: close', 'Content-Length: 5') + b'12345',
    'close, chunked': head('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Connection: Close')
    + b'1\r\na\r\n0\r\n\r\n',
    '1.0': head('GET / HTTP/1.0'),
    '1.0, no headers of note': head('GET / HTTP/1.0', 'Connection: TE', 'X-Connection: keep-alive'),
    '1.0, post': head('POST / HTTP/1.0', 'Content-Length: 5') + b'12345',
}


@pytest.mark.parametrize('request_', LAST.values(), ids=LAST)
@pytest.mark.parametrize('rest', [b'', GET, GET + GET[:9], b'\x16\x03garbage'], ids=['', 'get', 'cut', 'garbage'])
def test_nothing_is_marked_behind_the_last_request(request_: bytes, rest: bytes) -> None:
    data = GET + request_ + rest
    ends = [len(GET), len(GET + request_)]
    for pieces in ([data], [GET, request_, rest], feeding.single(data), feeding.cut(data, range(0, len(data), 7))):
        protocol = make()
        given_back, marks = feeding.upstream(protocol, pieces)
        assert given_back == data
        assert feeding.uncut(marks) == [(REQUEST, end) for end in ends]
        assert feeding.downstream(protocol, [OK, OK]) == [(REPLY, len(OK)), (REPLY, 2 * len(OK))]


@pytest.mark.parametrize(
    ('reply', 'leaves'),
    [
        (OK, False),
        (head('HTTP/1.1 200 OK', 'Connection: close', 'Content-Length: 2') + b'ok', True),
        (head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'connection:close') + b'0\r\n\r\n', True),
        (head('HTTP/1.0 200 OK', 'Content-Length: 2') + b'ok', True),
        (head('HTTP/1.0 200 OK', 'Content-Length: 2', 'Connection: keep-alive') + b'ok', False),
        (head('HTTP/1.1 505 Not HTTP/1.0', 'Content-Length: 2') + b'ok', False),
        (head('HTTP/1.1 103 Early Hints', 'Connection: close') + OK, False),
    ],
)
def test_nothing_is_marked_where_the_backend_leaves(reply: bytes, leaves: bool) -> None:
    for pieces in ([reply], feeding.single(reply)):
        protocol = make()
        protocol.feed_upstream(GET + GET[:9])
        assert feeding.downstream(protocol, pieces)[-1] == (REPLY, len(reply))
        assert protocol.backend_leaves is leaves
        given_back, marks = protocol.feed_upstream(GET[9:])
        assert given_back == GET
        assert len(marks) == (not leaves)


@pytest.mark.parametrize('request_', REQUESTS.values(), ids=REQUESTS)
class TestRequests:
    def test_whole(self, request_: bytes) -> None:
        given_back, marks = make().feed_upstream(request_)
        assert given_back is request_
        assert list(marks) == [(REQUEST, len(request_))]

    def test_byte_by_byte(self, request_: bytes) -> None:
        given_back, marks = feeding.upstream(make(), feeding.single(request_))
        assert given_back == request_
        assert feeding.uncut(marks) == [(REQUEST, len(request_))]

    def test_among_others(self, request_: bytes) -> None:
        data = GET + request_ + GET + request_
        ends = [len(GET), len(GET + request_), len(GET + request_ + GET), len(data)]
        for pieces in ([data], feeding.single(data), feeding.cut(data, range(0, len(data), 7))):
            given_back, marks = feeding.upstream(make(), pieces)
            assert given_back == data
            assert feeding.uncut(marks) == [(REQUEST, end) for end in ends]


def test_whole_request_is_the_same_object() -> None:
    protocol = make(overwrite=True, backend='a:80')
    for request in (b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', REQUESTS['post'], REQUESTS['chunked'], GET + GET):
        assert protocol.feed_upstream(request)[0] is request


def test_head_goes_on_before_its_body() -> None:
    protocol = make()
    first = head('PUT / HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 100000')
    assert protocol.feed_upstream(first) == (first, [(HEAD, len(first))])
    assert protocol.upstream_body == 100000
    assert protocol.feed_upstream(b'x' * 40000) == (b'x' * 40000, [])
    protocol.skip_upstream(10000)
    end = len(first) + 100000
    assert protocol.feed_upstream(b'x' * 50000 + GET)[1] == [(END, end), (REQUEST, end + len(GET))]
    assert protocol.upstream_body == 0


@pytest.mark.parametrize('before', ['upgrade', 'connect', 'chunked', 'post'])
def test_head_of_a_chunked_request_alone(before: str) -> None:
    protocol = make()
    feeding.upstream(protocol, [GET, REQUESTS[before]])
    start = head('POST / HTTP/1.1', 'Transfer-Encoding: chunked')
    position = len(GET + REQUESTS[before] + start)
    assert list(protocol.feed_upstream(start)[1]) == [(HEAD, position)]
    assert list(protocol.feed_upstream(b'0\r\n\r\n')[1]) == [(END, position + 5)]


def test_incomplete_head_is_held_back() -> None:
    protocol = make()
    assert protocol.feed_upstream(GET + GET[:20]) == (GET, [(REQUEST, len(GET))])
    assert protocol.feed_upstream(GET[20:-1]) == (b'', [])
    assert protocol.end_upstream() == GET[:-1]
    assert protocol.end_upstream() == b''


REFUSED = {
    'garbage': b'\x16\x03\x01\x02\x00 hello',
    'no method': head('Get / HTTP/1.1'),
    'no method, either': head('BR\xcbW / HTTP/1.1'),
    'a control character in the target': head('GET /\x01 HTTP/1.1'),
    'http 0.9': b'GET /\r\n',
    'http 2': b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'another version': head('GET / HTTP/3.0'),
    'rtsp': head('DESCRIBE rtsp://a/b RTSP/1.0', 'CSeq: 1'),
    'line feeds only': b'GET / HTTP/1.1\nHost: a\n\n',
    'a line feed': b'GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n',
    'folded': head('GET / HTTP/1.1', 'A: b', ' c'),
    'no colon': head('GET / HTTP/1.1', 'Host'),
    'space before the colon': head('GET / HTTP/1.1', 'Content-Length : 3'),
    'two lengths': head('POST / HTTP/1.1', 'Content-Length: 3', 'Content-Length: 4') + b'abcd',
    'no number': head('POST / HTTP/1.1', 'Content-Length: +3') + b'abc',
    'a huge number': head('POST / HTTP/1.1', 'Content-Length: ' + '9' * 5000) + b'abc',
    'length and coding': head('POST / HTTP/1.1', 'Content-Length: 3', 'Transfer-Encoding: chunked') + b'0\r\n\r\n',
    'coding and length': head('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Content-Length: 3') + b'0\r\n\r\n',
    'not chunked last': head('POST / HTTP/1.1', 'Transfer-Encoding: chunked, gzip') + b'0\r\n\r\n',
    'head too long': head('GET / HTTP/1.1', 'A: ' + 'b' * MAX_HEAD),
    'empty lines too long': b'\r\n' * MAX_HEAD + GET,
}


@pytest.mark.parametrize('before', [b'', GET, REQUESTS['chunked']], ids=['first', 'after get', 'after chunked'])
@pytest.mark.parametrize('message', REFUSED.values(), ids=REFUSED)
def test_refused_request_passes_untouched(message: bytes, before: bytes) -> None:
    data = before + message + GET
    position = [(OPAQUE, len(before))]
    for pieces in ([data], [before, message, GET], feeding.cut(data, range(0, len(data), 97))):
        protocol = make()
        given_back, marks = feeding.upstream(protocol, pieces)
        assert given_back == data
        assert feeding.uncut(marks)[-1:] == position
        assert feeding.is_unparsed(protocol)


@pytest.mark.parametrize('message', [REFUSED['garbage'], REFUSED['http 0.9'], REFUSED['line feeds only']])
def test_refused_at_once(message: bytes) -> None:
    """A client that speaks something else may wait for an answer: the proxy must not wait for the end of a head."""
    protocol = make()
    feeding.upstream(protocol, feeding.single(message))
    assert protocol.opaque


BAD_CHUNKS = [b'x\r\n', b'\r\n', b'-1\r\n', b'1\nab', b'1\r\nabc\r\n', b'0\r\nnonsense\r\n', b'1' * 16 + b'\r\n']


@pytest.mark.parametrize('chunks', BAD_CHUNKS)
def test_bad_chunk_refused(chunks: bytes) -> None:
    start = head('POST / HTTP/1.1', 'Transfer-Encoding: chunked')
    data = start + b'2\r\nab\r\n' + chunks + b'\r\n' * 3
    for pieces in ([data], feeding.single(data)):
        protocol = make()
        assert feeding.upstream(protocol, pieces) == (data, [(HEAD, len(start)), (OPAQUE, len(start))])
        assert feeding.is_unparsed(protocol)


def test_held_head_is_bounded() -> None:
    protocol = make()
    data = head('GET / HTTP/1.1', 'A: ' + 'b' * MAX_HEAD)
    held = 0
    for i in range(0, len(data), 1000):
        given_back, _ = protocol.feed_upstream(data[i : i + 1000])
        if protocol.opaque:
            assert held <= MAX_HEAD
            assert given_back == data[: i + 1000]
            break
        assert given_back == b''
        held += 1000
    else:
        pytest.fail('never refused')


@pytest.mark.parametrize('step', [1 << 20, 9000])
def test_longest_head(step: int) -> None:
    data = head('GET / HTTP/1.1', 'A: ' + 'b' * (MAX_HEAD - len(head('GET / HTTP/1.1', 'A: '))))
    assert len(data) == MAX_HEAD
    pieces = [data[i : i + step] for i in range(0, len(data), step)]
    assert feeding.upstream(make(), pieces) == (data, [(REQUEST, len(data))])


class TestHost:
    @pytest.mark.parametrize(
        ('before', 'after'),
        [
            ('Host: localhost:8000', 'Host: backend:8888'),
            ('hOST:\t localhost \t', 'hOST:\t backend:8888 \t'),
            ('Host:x', 'Host:backend:8888'),
            ('Host: ', 'Host: backend:8888'),
            ('Host: backend:8888', 'Host: backend:8888'),
            ('X-Host: localhost', 'X-Host: localhost'),
            ('A: b\r\nHost: c\r\nD: Host: e', 'A: b\r\nHost: backend:8888\r\nD: Host: e'),
        ],
    )
    @pytest.mark.parametrize('body', [b'', b'\r\nHost: body\r\n'], ids=['no body', 'body'])
    def test_overwritten(self, before: str, after: str, body: bytes) -> None:
        length = f'Content-Length: {len(body)}'
        data = head('POST http://host/Host: HTTP/1.1', before, length) + body
        expected = head('POST http://host/Host: HTTP/1.1', after, length) + body
        for pieces in ([data * 3], feeding.single(data * 3), [data] * 3):
            given_back, marks = feeding.upstream(make(overwrite=True), pieces)
            assert given_back == expected * 3
            assert feeding.uncut(marks) == [(REQUEST, len(expected) * k) for k in (1, 2, 3)]

    @pytest.mark.parametrize(
        ('backend', 'host'),
        [
            ('example.com:80', b'example.com'),
            ('example.com:8080', b'example.com:8080'),
            ('[::1]:80', b'[::1]'),
            ('[::1]:81', b'[::1]:81'),
            ('bücher.example:80', b'xn--bcher-kva.example'),
        ],
    )
    def test_of_backend(self, backend: str, host: bytes) -> None:
        given_back, _ = make(overwrite=True, backend=backend).feed_upstream(GET)
        assert given_back == GET.replace(b'Host: a', b'Host: ' + host)

    def test_backend_changes(self) -> None:
        protocol = make(overwrite=True)
        protocol.set_backend('other:81')
        assert protocol.feed_upstream(GET)[0] == GET.replace(b'Host: a', b'Host: other:81')

    def test_on_by_default(self) -> None:
        assert HTTP().option('overwrite-host-header') is True


HEAD_REQUEST = REQUESTS['head']
CHUNKED = head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')
REPLIES = {
    'plain': (GET, OK),
    'empty': (GET, head('HTTP/1.1 200 OK', 'Content-Length: 0')),
    'no phrase': (GET, head('HTTP/1.1 200', 'content-length:2') + b'ok'),
    'version 1.0': (GET, head('HTTP/1.0 404 Not Found', 'Content-Length: 2') + b'ok'),
    'like replies': (GET, head('HTTP/1.1 200 OK', f'Content-Length: {len(OK)}') + OK),
    'to head': (HEAD_REQUEST, head('HTTP/1.1 200 OK', 'Content-Length: 200')),
    'to head, chunked': (HEAD_REQUEST, CHUNKED),
    'to head, endless': (HEAD_REQUEST, head('HTTP/1.1 200 OK')),
    '204': (GET, head('HTTP/1.1 204 No Content')),
    '304': (GET, head('HTTP/1.1 304 Not Modified', 'Content-Length: 200')),
    'chunked': (GET, CHUNKED + b'2\r\nok\r\n0\r\n\r\n'),
    'chunked, all': (GET, CHUNKED + b'2;a="b"\r\n\r\n\r\n0B ; c\r\n01234567890\r\n0;d\r\nA: b\r\n\r\n'),
    'chunked 1.0': (GET, CHUNKED.replace(b'1.1', b'1.0') + b'0\r\n\r\n'),
    'refused connect': (REQUESTS['connect'], head('HTTP/1.1 403 Forbidden', 'Content-Length: 2') + b'no'),
    'refused upgrade': (REQUESTS['upgrade'], OK),
    'upgrade required': (GET, head('HTTP/1.1 426 No', 'Upgrade: h2c', 'Connection: upgrade', 'Content-Length: 0')),
    'any status': (GET, head('HTTP/1.1 999 ?', 'Content-Length: 2') + b'ok'),
    'empty lines before': (GET, b'\r\n\r\n' + OK),
}


@pytest.mark.parametrize(('request_', 'reply'), REPLIES.values(), ids=REPLIES)
class TestReplies:
    def test_whole(self, request_: bytes, reply: bytes) -> None:
        assert list(asked(request_).feed_downstream(reply)) == [(REPLY, len(reply))]

    def test_byte_by_byte(self, request_: bytes, reply: bytes) -> None:
        assert feeding.downstream(asked(request_), feeding.single(reply)) == [(REPLY, len(reply))]

    def test_among_others(self, request_: bytes, reply: bytes) -> None:
        data = OK + reply + OK + reply
        ends = [len(OK), len(OK + reply), len(OK + reply + OK), len(data)]
        for pieces in ([data], feeding.single(data), feeding.cut(data, range(0, len(data), 7))):
            protocol = asked(GET, request_, GET, request_)
            assert feeding.downstream(protocol, pieces) == [(REPLY, end) for end in ends]

    def test_after_an_interim_reply(self, request_: bytes, reply: bytes) -> None:
        data = head('HTTP/1.1 100 Continue') + head('HTTP/1.1 103 Early Hints', 'Link: a', 'Content-Length: 7') + reply
        interim = len(head('HTTP/1.1 100 Continue'))
        expected = [(INTERIM, interim), (INTERIM, len(data) - len(reply)), (REPLY, len(data))]
        for pieces in ([data], feeding.single(data)):
            assert feeding.downstream(asked(request_), pieces) == expected


@pytest.mark.parametrize(
    'start',
    [
        head('HTTP/1.1 200 OK'),
        head('HTTP/1.0 200 OK', 'Connection: keep-alive'),
        head('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip'),
        head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked, gzip'),
    ],
)
def test_close_delimits_a_reply(start: bytes) -> None:
    data = start + OK * 3
    for pieces in ([data], feeding.single(data)):
        protocol = asked(GET, GET)
        assert feeding.downstream(protocol, pieces) == []
        assert list(protocol.end_downstream()) == [(REPLY, len(data))]
        assert list(protocol.end_downstream()) == []
    protocol = asked(GET)
    protocol.feed_downstream(start)
    protocol.skip_downstream(1_000_000)
    assert list(protocol.end_downstream()) == [(REPLY, len(start) + 1_000_000)]


def test_reply_after_the_last_one() -> None:
    last = head('HTTP/1.1 200 OK', 'Connection: close', 'Content-Length: 2') + b'ok'
    protocol = asked(GET, GET, GET)
    for end in (len(last), 2 * len(last), 3 * len(last)):
        assert list(protocol.feed_downstream(last)) == [(REPLY, end)]


def test_close_within_a_reply_ends_nothing() -> None:
    for data in (OK[:-1], OK[:-5], CHUNKED + b'5\r\nab'):
        protocol = asked(GET)
        assert list(protocol.feed_downstream(data)) == []
        assert list(protocol.end_downstream()) == []


def test_reply_nobody_asked_for() -> None:
    data = head('HTTP/1.1 408 Request Timeout', 'Content-Length: 2') + b'no'
    for pieces in ([data], feeding.single(data)):
        assert feeding.downstream(make(), pieces) == [(INTERIM, len(data))]


def test_withdrawn_request_is_not_expected() -> None:
    protocol = asked(HEAD_REQUEST, GET)
    protocol.withdraw()
    assert list(protocol.feed_downstream(OK)) == [(REPLY, len(OK))]


@pytest.mark.parametrize(
    ('request_', 'reply', 'why'),
    [
        (REQUESTS['connect'], head('HTTP/1.1 200 Connected'), 'CONNECT'),
        (REQUESTS['connect'], head('HTTP/1.1 204 Fine', 'Content-Length: 3'), 'CONNECT'),
        (
            REQUESTS['upgrade'],
            head('HTTP/1.1 101 Yes', 'Connection: upgrade', 'Upgrade: WebSocket'),
            'upgrade to websocket',
        ),
        (REQUESTS['upgrade'], head('HTTP/1.1 101 Yes', 'upgrade: h2c, x'), 'upgrade to h2c'),
        (GET, head('HTTP/1.1 101 Why'), 'upgrade'),
    ],
)
def test_framing_ends(request_: bytes, reply: bytes, why: str) -> None:
    data = OK + reply + b'\x81\x05hello'
    for pieces in ([data], feeding.single(data)):
        protocol = asked(GET, request_)
        assert feeding.downstream(protocol, pieces) == [(REPLY, len(OK)), (OPAQUE, len(OK))]
        assert protocol.opaque == Opaque(why)


@pytest.mark.parametrize(
    'reply',
    [
        b'220 smtp.example.com ESMTP\r\n',
        b'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
        head('HTTP/2 200 OK'),
        head('ICY 200 OK'),
        head('HTTP/1.1 099 OK'),
        head('HTTP/1.1 20 OK'),
        head('HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 2'),
        head('HTTP/1.1 200 OK', 'A : b'),
        head('HTTP/1.1 200 OK', 'A: ' + 'b' * MAX_HEAD),
        head('HTTP/1.1 200 OK', 'A: ' + 'b' * MAX_HEAD, 'Content-Length: 2') + b'ok',
        CHUNKED + b'2\r\nok\r\nxyz\r\n',
    ],
)
def test_refused_reply(reply: bytes) -> None:
    data = OK + reply + OK
    for pieces in ([data], [OK, reply, OK], feeding.cut(data, range(0, len(data), 7))):
        protocol = asked(GET, GET, GET)
        assert feeding.downstream(protocol, pieces) == [(REPLY, len(OK)), (OPAQUE, len(OK))]
        assert feeding.is_unparsed(protocol)


@pytest.mark.parametrize(
    ('first', 'piece', 'last'),
    [
        (head('HTTP/1.1 200 OK', f'Content-Length: {200 << 20}'), 1 << 16, b''),
        (CHUNKED + b'c800000\r\n', 1 << 16, b'\r\n0\r\n\r\n'),
    ],
    ids=['length', 'one chunk'],
)
def test_large_body_costs_no_memory(first: bytes, piece: int, last: bytes) -> None:
    chunk = bytes(piece)
    protocol = asked(GET)
    tracemalloc.start()
    assert feeding.downstream(protocol, [first, *[chunk] * 3199]) == []
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()
    assert protocol.downstream_body == piece
    assert list(protocol.feed_downstream(chunk + last)) == [(REPLY, len(first) + (200 << 20) + len(last))]


# Any stream of valid messages, read by h11 as well.

tokens = st.text('abcXYZ-_09', min_size=1, max_size=8)
values = st.text('abc /:;,"=\t', max_size=12).map(str.strip)
reserved = {'content-length', 'transfer-encoding', 'host', 'connection', 'upgrade', 'expect'}
headers = st.lists(
    st.tuples(tokens.filter(lambda name: name.lower() not in reserved), values).map(': '.join), max_size=4
)
bodies = st.one_of(st.binary(max_size=40), st.sampled_from([GET, OK, b'\r\n\r\n', b'0\r\n\r\n', b'\r\n' * 20]))


@st.composite
def chunked_bodies(draw: st.DrawFn) -> bytes:
    data = b''
    for chunk in draw(st.lists(bodies.filter(bool), max_size=3)):
        size = draw(st.sampled_from(['%x', '%X', '00%x', '%x;a', '%x;a=b', '%x;a="b c"'])) % len(chunk)
        data += size.encode() + b'\r\n' + chunk + b'\r\n'
    trailers = draw(st.sampled_from([b'', b'', b'A: b\r\n', b'A: b\r\nC-D: e f\r\n']))
    return data + draw(st.sampled_from([b'0', b'000', b'0;a=b'])) + b'\r\n' + trailers + b'\r\n'


def _message(line: str, fields: list[str], body: bytes, *, chunked: bool) -> bytes:
    framing = 'Transfer-Encoding: chunked' if chunked else f'Content-Length: {len(body)}'
    return head(line, *fields[:2], framing, *fields[2:]) + body


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    fields = [*draw(headers), 'Host: a']
    method = draw(st.sampled_from(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']))
    line = f'{method} /{draw(st.text("ab/?&=%09", max_size=10))} HTTP/1.1'
    shape = draw(st.sampled_from(['none', 'length', 'chunked']))
    if shape == 'none':
        return head(line, *fields)
    body = draw(chunked_bodies() if shape == 'chunked' else bodies)
    return _message(line, fields, body, chunked=shape == 'chunked')


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw a request and what comes back: any number of interim replies, and the reply."""
    request = draw(st.sampled_from([GET, HEAD_REQUEST, REQUESTS['connect'], REQUESTS['post']]))
    before = b''.join(
        head(f'HTTP/1.1 {status} x') for status in draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2))
    )
    status = draw(st.sampled_from([200, 201, 204, 304, 404, 500]))
    if request == REQUESTS['connect']:
        status = 403
    line, fields = f'HTTP/1.1 {status} Because', draw(headers)
    if request == HEAD_REQUEST or status in (204, 304):
        return request, before + head(line, *fields, *draw(st.sampled_from([[], ['Content-Length: 9']])))
    chunked = draw(st.booleans())
    return request, before + _message(line, fields, draw(chunked_bodies() if chunked else bodies), chunked=chunked)


cuts = st.lists(st.integers(0, 10_000), max_size=12)


def _read_with_h11(role: type[h11.CLIENT] | type[h11.SERVER], data: bytes, *requests: bytes) -> list[int]:
    """Return where h11 sees messages end in *data*, interim ones included."""
    ends = []
    rest = data
    number = 0
    while rest:
        connection = h11.Connection(role)
        if role is h11.CLIENT:
            method, target = requests[number].split()[:2]
            connection.send(h11.Request(method=method, target=target, headers=[('Host', 'a')]))
            connection.send(h11.EndOfMessage())
        connection.receive_data(rest)
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA
            if isinstance(event, h11.InformationalResponse):
                ends.append(len(data) - len(connection.trailing_data[0]))
        rest = connection.trailing_data[0]
        ends.append(len(data) - len(rest))
        number += 1
    return ends


@given(st.lists(requests(), max_size=6), cuts)
def test_requests_end_where_h11_says(messages: list[bytes], places: list[int]) -> None:
    data = b''.join(messages)
    expected = [(REQUEST, end) for end in _read_with_h11(h11.SERVER, data)]
    for pieces in ([data], feeding.cut(data, places), messages):
        given_back, marks = feeding.upstream(make(), pieces)
        assert given_back == data
        assert feeding.uncut(marks) == expected


@given(st.lists(exchanges(), max_size=6), cuts)
def test_replies_end_where_h11_says(messages: list[tuple[bytes, bytes]], places: list[int]) -> None:
    data = b''.join(reply for _, reply in messages)
    asking = [request for request, _ in messages]
    expected = _read_with_h11(h11.CLIENT, data, *asking)
    for pieces in ([data], feeding.cut(data, places), [reply for _, reply in messages]):
        marks = feeding.downstream(asked(*asking), pieces)
        assert [position for _, position in marks] == expected
        assert [kind for kind, _ in marks].count(REPLY) == len(messages)


# Any bytes at all.

fragments = st.sampled_from(
    [
        GET,
        OK,
        *REQUESTS.values(),
        CHUNKED,
        b'\r\n',
        b'\r\n\r\n',
        b'\n\n',
        b'0\r\n',
        b'5',
        b'HTTP/1.1 101 x\r\n\r\n',
        b' ',
    ]
)
anything = st.lists(st.one_of(fragments, st.binary(max_size=12)), max_size=8).map(b''.join)


@st.composite
def mutated(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    data = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 3))):
        i = draw(st.integers(0, len(data)))
        data[i : i + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@given(st.one_of(anything, mutated(st.lists(requests(), max_size=3).map(b''.join))), cuts)
def test_any_bytes_upstream(data: bytes, places: list[int]) -> None:
    whole, marks = feeding.upstream(make(), [data])
    assert whole == data
    cut, marks_of_cut = feeding.upstream(make(), feeding.cut(data, places))
    assert cut == data
    assert feeding.uncut(marks_of_cut) == feeding.uncut(marks)


@given(
    st.one_of(anything, mutated(exchanges().map(lambda exchange: exchange[1]))), cuts, st.lists(fragments, max_size=3)
)
def test_any_bytes_downstream(data: bytes, places: list[int], before: list[bytes]) -> None:
    protocols = [make(), make()]
    for protocol in protocols:
        feeding.upstream(protocol, [*before, GET])
        protocol.opaque = None
    marks = feeding.downstream(protocols[0], [data])
    assert feeding.downstream(protocols[1], feeding.cut(data, places)) == marks


class TestDescribe:
    @pytest.mark.parametrize(
        ('request_', 'text'),
        [
            (GET, 'GET /orders/7'),
            (b'\r\n' + GET, 'GET /orders/7'),
            (REQUESTS['post'], 'POST /'),
            (REQUESTS['connect'], 'CONNECT a:443'),
            (head('GET /a?b=c%20d HTTP/1.1'), 'GET /a?b=c%20d'),
            (head('GET /é HTTP/1.1'), 'GET /\\xe9'),
            (head('GET /' + 'a' * 300 + ' HTTP/1.1'), 'GET /' + 'a' * 195),
            (b'', ''),
            (b'\x00\x01', '\\x00\\x01'),
        ],
    )
    def test_table(self, request_: bytes, text: str) -> None:
        assert make().describe(request_) == text

    @given(st.binary())
    def test_printable_and_short(self, request_: bytes) -> None:
        text = make().describe(request_)
        assert text == '' or text.isprintable()
        assert len(text) <= 200


class TestError:
    @pytest.mark.parametrize(
        ('request_', 'closes', 'connection'),
        [
            (GET, False, b''),
            (head('GET / HTTP/1.1', 'Connection: keep-alive, TE'), False, b''),
            (head('GET / HTTP/1.1', 'connection: TE ,\tClose'), True, b'close'),
            (head('GET / HTTP/1.0'), True, b'close'),
            (head('GET / HTTP/1.0', 'Connection: Keep-Alive'), False, b'keep-alive'),
            (head('PUT / HTTP/1.1', 'Content-Length: 3', 'EXPECT: 100-Continue'), True, b'close'),
            (head('PUT / HTTP/1.0', 'Connection: keep-alive', 'Expect: 100-continue'), False, b'keep-alive'),
            (b'', False, b''),
        ],
    )
    def test_connection(self, request_: bytes, closes: bool, connection: bytes) -> None:
        protocol = make()
        protocol.begin_fault(request_, 'seed')
        error = protocol.error(503)
        assert error.closes is closes
        assert not error.waits
        status, fields, body = parse_response(error.data)
        assert status == 503
        assert fields.get(b'connection', b'') == connection
        assert fields[b'content-type'] == b'text/plain; charset=utf-8'
        assert b'injected by vaurien' in body

    @pytest.mark.parametrize('request_', [GET, head('GET / HTTP/1.0', 'Connection: Keep-Alive')])
    @pytest.mark.parametrize(
        ('code', 'headers'), [(408, {}), (413, {}), (503, {'connection': 'Close'}), (413, {'Connection': 'close'})]
    )
    def test_the_server_closes(self, request_: bytes, code: int, headers: dict[str, str]) -> None:
        protocol = make()
        protocol.begin_fault(request_, 'seed')
        error = protocol.error(code, headers=Headers.parse(headers))
        assert error.closes
        assert parse_response(error.data)[1][b'connection'] == b'close'
        assert error.data.lower().count(b'connection') == 1

    def test_to_head_has_no_body(self) -> None:
        protocol = make()
        protocol.begin_fault(HEAD_REQUEST, 'seed')
        error = protocol.error(500).data
        assert error.endswith(b'\r\n\r\n')
        protocol.begin_fault(GET, 'seed')
        assert protocol.error(500).data.startswith(error)

    def test_status_by_chance(self) -> None:
        protocol = make()
        protocol.begin_fault(GET, 'seed')
        drawn = [parse_response(protocol.error().data)[0] for _ in range(50)]
        assert set(drawn) == {500, 501, 502, 503}
        protocol.begin_fault(GET, 'seed')
        assert [parse_response(protocol.error().data)[0] for _ in range(50)] == drawn

    @pytest.mark.parametrize('code', [400, 418, 429, 504, 599])
    def test_code(self, code: int) -> None:
        protocol = make()
        protocol.begin_fault(GET, 'seed')
        assert parse_response(protocol.error(code).data)[0] == code

    def test_everything_can_be_chosen(self) -> None:
        protocol = make()
        protocol.begin_fault(GET, 'seed')
        headers = Headers.parse({'X-Trace': '7', 'content-type': 'application/json'})
        error = protocol.error(429, 'Slow Down', headers, '{"réessayez": true}', 120)
        assert error.data.startswith(b'HTTP/1.1 429 Slow Down\r\n')
        _, fields, body = parse_response(error.data)
        assert body == '{"réessayez": true}'.encode()
        assert (fields[b'x-trace'], fields[b'retry-after']) == (b'7', b'120')
        assert error.data.lower().count(b'content-type: application/json\r\n') == 1
        assert error.data.lower().count(b'content-type') == 1

    @pytest.mark.parametrize(
        ('code', 'name', 'value', 'connection'),
        [
            (401, 'WWW-Authenticate', 'Basic realm="vaurien"', b''),
            (407, 'Proxy-Authenticate', 'Basic realm="vaurien"', b''),
            (426, 'Upgrade', 'TLS/1.0, HTTP/1.1', b'Upgrade'),
        ],
    )
    def test_what_the_client_needs_to_go_on(self, code: int, name: str, value: str, connection: bytes) -> None:
        protocol = make()
        protocol.begin_fault(GET, 'seed')
        _, fields, _ = parse_response(protocol.error(code).data)
        assert fields[name.lower().encode()] == value.encode()
        assert fields.get(b'connection', b'') == connection
        error = protocol.error(code, headers=Headers.parse({name.lower(): 'other'})).data
        assert parse_response(error)[1][name.lower().encode()] == b'other'
        assert error.lower().count(name.lower().encode() + b': ') == 1

    def test_no_body(self) -> None:
        protocol = make()
        protocol.begin_fault(GET, 'seed')
        assert parse_response(protocol.error(503, body='').data)[2] == b''

    def test_frames_as_a_reply(self) -> None:
        protocol = asked(GET, GET)
        protocol.begin_fault(GET, 'seed')
        error = protocol.error().data
        assert list(protocol.feed_downstream(error + OK)) == [(REPLY, len(error)), (REPLY, len(error) + len(OK))]


def parse_response(data: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """Return status, headers and body of a response, read by h11, which insists that nothing is left."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method='GET', target='/', headers=[('Host', 'a')]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    response, body = connection.next_event(), b''
    assert isinstance(response, h11.Response)
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert connection.trailing_data[0] == b''
    return response.status_code, dict(response.headers), body


def test_a_long_target_in_small_pieces_takes_linear_time() -> None:
    def measure(count: int) -> float:
        protocol = HTTP()
        protocol.feed_upstream(b'GET /')
        began = process_time()
        for _ in range(count):
            protocol.feed_upstream(b'aaaa')
        assert not protocol.opaque
        return process_time() - began

    assert takes_linear_time(measure, 1000)
