"""Requests to servers that send too much, too slowly, something else, or for ever."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from itertools import repeat

import pytest
import trustme

from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien.errors import AnswerError
from vaurien.web.ask import Answer, ask

MOST = 1024 * 1024
OK = b'HTTP/1.1 200 OK\r\n'


def play(backend: RawBackend, *chunks: bytes, endless: bytes = b'', pause: float = 0) -> None:
    """Make *backend* answer with *chunks*, and then with *endless* for ever, with a pause behind each byte."""

    def script(peer: Peer) -> None:
        with suppress(OSError, EOFError):  # the client has left
            peer.recv_until(b'\r\n\r\n')
            for chunk in chunks:
                peer.send(chunk)
            for piece in repeat(endless) if endless else ():
                peer.send(piece)
                time.sleep(pause)

    backend.serve(script)


def ask_once(backend: RawBackend, seconds: float = TIMEOUT, path: str = '/') -> Answer:
    return ask('GET', f'http://{backend.address}{path}', seconds=seconds, most=MOST)


@pytest.mark.parametrize(
    'chunks',
    [
        (b'Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',),
        (b'Content-Type: text/plain\r\n\r\nhe', b'llo'),
        (
            b'Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n',
            b'3\r\nllo\r\n0\r\nA: b\r\n\r\n',
        ),
        (b'Content-Encoding: identity\r\nContent-Type: text/plain\r\n\r\nhello',),
    ],
)
def test_an_answer(raw_backend: RawBackend, chunks: tuple[bytes, ...]) -> None:
    play(raw_backend, b'HTTP/1.1 100 Continue\r\n\r\n', OK, *chunks)
    assert ask_once(raw_backend) == Answer(200, 'OK', 'text/plain', b'hello')


def test_a_request(raw_backend: RawBackend) -> None:
    heads = []

    def script(peer: Peer) -> None:
        heads.append(peer.recv_until(b'\r\n\r\n'))
        assert peer.recv_exactly(2) == b'{}'
        peer.send(b'HTTP/1.1 204 No Content\r\n\r\n')

    raw_backend.serve(script)
    url = f'http://ada:s%40@{raw_backend.address}/a b/ü?x=%20#f'
    answer = ask('PUT', url, seconds=TIMEOUT, most=MOST, body=b'{}', headers={'X-A': 'b'})
    assert answer == Answer(204, 'No Content', '', b'')
    first, *lines = heads[0].decode().splitlines()
    assert first == 'PUT /a%20b/%C3%BC?x=%20 HTTP/1.1'
    wanted = {f'Host: {raw_backend.address}', 'Authorization: Basic YWRhOnNA', 'X-A: b', 'Accept-Encoding: identity'}
    assert wanted <= set(lines)


@pytest.mark.parametrize(
    'head',
    [
        b'\r\n',
        b'Transfer-Encoding: chunked\r\n\r\n40000000\r\n',
        b'Content-Length: 400000000\r\n\r\n',
    ],
)
def test_too_many_bytes(raw_backend: RawBackend, head: bytes) -> None:
    play(raw_backend, OK + head, endless=bytes(65536))
    with pytest.raises(AnswerError, match=r'^it sends more than 1 MiB$'):
        ask_once(raw_backend)


@pytest.mark.parametrize('coding', ['gzip', 'br', 'x' * 1000])
def test_a_compressed_answer(raw_backend: RawBackend, coding: str) -> None:
    play(raw_backend, OK, f'Content-Encoding: {coding}\r\n\r\n'.encode(), endless=bytes(65536))
    with pytest.raises(AnswerError, match=f"^it sends '{coding[:20]}', which was not asked for$"):
        ask_once(raw_backend)


@pytest.mark.parametrize(
    ('head', 'endless'),
    [
        (b'', b'H'),
        (OK, b'a'),
        (OK, b'A: b\r\n'),
        (b'', b'HTTP/1.1 100 Continue\r\n\r\n'),
        (OK + b'\r\n', b'x'),
        (OK + b'Content-Length: 1000\r\n\r\n', b'x'),
        (OK + b'Transfer-Encoding: chunked\r\n\r\n', b'0'),
        (OK + b'Transfer-Encoding: chunked\r\n\r\n', b'1\r\nx\r\n'),
        (OK + b'Transfer-Encoding: chunked\r\n\r\n0\r\n', b'A: b\r\n'),
    ],
)
def test_no_end_of_time(raw_backend: RawBackend, head: bytes, endless: bytes) -> None:
    play(raw_backend, head, endless=endless, pause=0.02)
    with pytest.raises(TimeoutError):
        ask_once(raw_backend, seconds=0.2)


@pytest.mark.parametrize(
    ('head', 'endless'),
    [(b'', b'H'), (OK, b'a'), (OK, b'A: b\r\n'), (OK + b'Transfer-Encoding: chunked\r\n\r\n', b'0')],
)
def test_no_end_of_a_head(raw_backend: RawBackend, head: bytes, endless: bytes) -> None:
    play(raw_backend, head, endless=endless * 10000)
    with pytest.raises(
        OSError,
        match=r'^malformed answer: (LineTooLong|HTTPException|BadStatusLine)$|^connection closed within the answer$',
    ):
        ask_once(raw_backend)


@pytest.mark.parametrize(
    ('answer', 'said'),
    [
        (b'', 'Remote end closed connection without response'),
        (b'SSH-2.0-x\r\n', 'malformed answer: BadStatusLine'),
        (OK + b'Content-Length: 5\r\n\r\nhell', 'connection closed within the answer'),
        (OK + b'Transfer-Encoding: chunked\r\n\r\n5\r\nhell', 'connection closed within the answer'),
        (OK + b'Transfer-Encoding: chunked\r\n\r\nxyz\r\n', 'connection closed within the answer'),
    ],
)
def test_no_whole_answer(raw_backend: RawBackend, answer: bytes, said: str) -> None:
    play(raw_backend, answer)
    with pytest.raises(OSError, match=f'^{said}$'):
        ask_once(raw_backend)


@pytest.mark.parametrize(
    'url', ['http://', 'http://:80/', 'http://[::1/', 'http://localhost:99999/', f'http://{"a" * 64}.example/']
)
def test_no_url(url: str) -> None:
    with pytest.raises(OSError, match=r'^(no host$|not a URL: )'):
        ask('GET', url, seconds=TIMEOUT, most=MOST)


def test_a_certificate_that_is_not_trusted(raw_backend: RawBackend) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)

    def script(peer: Peer) -> None:
        with suppress(OSError):
            context.wrap_socket(peer.sock, server_side=True)

    raw_backend.serve(script)
    with pytest.raises(ssl.SSLCertVerificationError):
        ask('GET', f'https://{raw_backend.address}/', seconds=TIMEOUT, most=MOST)


def test_tls_that_goes_no_further(raw_backend: RawBackend) -> None:
    with pytest.raises(TimeoutError):
        ask('GET', f'https://{raw_backend.address}/', seconds=0.2, most=MOST)


def test_a_name_with_many_addresses_that_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener, socket.socket() as client:
        listener.bind((HOST, 0))
        listener.listen(0)
        address = listener.getsockname()
        client.connect(address)  # its backlog is full now
        found = (socket.AF_INET, socket.SOCK_STREAM, 0, '', address)
        monkeypatch.setattr(socket, 'getaddrinfo', lambda *args, **more: [found] * 1000)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ask('GET', 'http://many.test/', seconds=0.1, most=MOST)
        assert time.monotonic() - began < TIMEOUT


def test_the_next_address_is_asked(raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    play(raw_backend, OK, b'Content-Length: 5\r\n\r\nhello')
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        there = (HOST, int(raw_backend.address.rpartition(':')[2]))
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, '', address) for address in (nobody.getsockname(), there)]
        monkeypatch.setattr(socket, 'getaddrinfo', lambda *args, **more: found)
        assert ask('GET', 'http://two.test/', seconds=TIMEOUT, most=MOST).body == b'hello'
