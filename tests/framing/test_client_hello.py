"""What a ClientHello says: those of OpenSSL, cut at every place, and bytes that are none."""

from __future__ import annotations

import ssl
from functools import cache
from time import process_time

import pytest
from hypothesis import example, given, strategies as st

from tests.scaling import takes_linear_time
from vaurien.framing.client_hello import ClientHello, HelloReader, begins_tls


@cache
def make_hello(name: str | None = 'api.example.com', protocols: tuple[str, ...] = ()) -> bytes:
    """Return what OpenSSL sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    context.check_hostname = name is not None
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def read_client_hello(data: bytes) -> ClientHello | None:
    """Read it in one piece."""
    return HelloReader().feed(data)


def split_records(hello: bytes, size: int) -> bytes:
    """Return the same message in records of *size* bytes."""
    message = hello[5:]
    parts = (message[at : at + size] for at in range(0, len(message), size))
    return b''.join(b'\x16\x03\x01' + len(part).to_bytes(2, 'big') + part for part in parts)


def test_what_a_client_asks_for() -> None:
    hello = read_client_hello(make_hello(protocols=('h2', 'http/1.1')))
    assert hello == ClientHello('api.example.com', ('h2', 'http/1.1'))
    assert hello.text == 'TLS sni=api.example.com alpn=h2,http/1.1'


def test_a_client_that_asks_for_nothing() -> None:
    hello = read_client_hello(make_hello(name=None))
    assert hello == ClientHello('', ())
    assert hello.text == 'TLS sni=-'


def test_every_cut() -> None:
    data = make_hello()
    for count in range(len(data)):
        assert read_client_hello(data[:count]) is None
        assert begins_tls(data[:count]) or not count
    assert read_client_hello(data + b'more') is not None


@pytest.mark.parametrize('size', [1, 2, 3, 4, 5, 100, 300])
def test_small_records(size: int) -> None:
    data = split_records(make_hello(), size)
    assert read_client_hello(data[:-1]) is None
    assert read_client_hello(data) == read_client_hello(make_hello())


@pytest.mark.parametrize('size', [1, 3, 100, 1000])
@pytest.mark.parametrize('step', [1, 2, 7, 500])
def test_pieces(size: int, step: int) -> None:
    """Whatever is behind it in the last piece is kept."""
    data = split_records(make_hello(), size) + b'more'
    reader = HelloReader()
    pieces = (data[at : at + step] for at in range(0, len(data), step))
    hello = next(filter(None, map(reader.feed, pieces)))
    assert hello == read_client_hello(make_hello())
    assert bytes(reader.data) + b''.join(pieces) == data
    assert len(reader.data) >= len(data) - 4


def test_many_small_records_take_linear_time() -> None:
    def measure(count: int) -> float:
        """Take the time of a long ClientHello, of which so many bytes come, each in a record and in a piece."""
        reader, message = HelloReader(), b'\x01\x00\xff\xff' + bytes(count)
        began = process_time()
        for piece in [split_records(bytes(5) + bytes([byte]), 1) for byte in message]:
            assert reader.feed(piece) is None
        return process_time() - began

    assert takes_linear_time(measure, 2000)


@pytest.mark.parametrize(
    ('data', 'problem'),
    [
        (b'GET / HTTP/1.1\r\n', 'not the beginning of TLS'),
        (b'\x16\x03\x01\x00\x00', 'a TLS record of 0 bytes'),
        (b'\x16\x03\x01\xff\xff', 'a TLS record of 65535 bytes'),
        (b'\x16\x03\x01\x00\x04\x02\x00\x00\x00', 'a TLS message of type 2 where a ClientHello is expected'),
        (b'\x16\x03\x01\x00\x04\x01\xff\xff\xff', 'a ClientHello of 16777215 bytes'),
        (b'\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03', 'a ClientHello that does not parse'),
    ],
)
def test_what_is_none(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_client_hello(data)


@given(st.binary(max_size=200), st.integers(0, 250))
@example(b'', 0)
def test_noise_inside(noise: bytes, at: int) -> None:
    data = make_hello()
    damaged = data[:at] + noise + data[at + len(noise) :]
    try:
        hello = read_client_hello(damaged)
    except ValueError:
        return
    assert hello is None or hello.text.isprintable()
