"""What the tests of the engine say: short and long exchanges of each protocol; and a look inside a proxy."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any, TypeVar

import pytest

from tests.peers import Peer, RawBackend
from vaurien.embedded import Proxy
from vaurien.engine.link import Link
from vaurien.engine.proxy import ProxyServer

Result = TypeVar('Result')

#: Repeated, this makes bodies of any size in which no two places near each other look alike.
PATTERN = Random(2).randbytes(1024 * 1024 + 7)
MB = 1_000_000

#: Those that `connect` made for the test that runs.
clients: list[Peer] = []


@dataclass(frozen=True)
class Language:
    """A request, its reply, and the form of large ones; the bytes arrive as they are sent."""

    protocol: str
    request: bytes
    reply: bytes
    #: Before and after the large part of a request, and of a reply.
    upload_form: tuple[bytes, bytes]
    download_form: tuple[bytes, bytes]
    protocol_options: dict[str, Any]

    def upload(self, size: int) -> Iterator[bytes]:
        """A request of about *size* bytes, in pieces."""
        return pieces(size, *self.upload_form)

    def download(self, size: int) -> Iterator[bytes]:
        """A reply likewise."""
        return pieces(size, *self.download_form)


def pieces(size: int, before: bytes = b'', after: bytes = b'') -> Iterator[bytes]:
    """*size* bytes of `PATTERN`; ``%d`` in what comes *before* is replaced by *size*."""
    yield before.replace(b'%d', b'%d' % size)
    for start in range(0, size, len(PATTERN)):
        yield PATTERN[: size - start]
    yield after


def checksum(stream: Iterator[bytes]) -> int:
    """Of all the pieces."""
    crc = 0
    for piece in stream:
        crc = zlib.crc32(piece, crc)
    return crc


def receive_exactly(peer: Peer, size: int) -> Iterator[bytes]:
    """So many bytes, as they arrive."""
    while size:
        piece = peer.recv(min(size, 1024 * 1024))
        assert piece, f'{size} bytes are missing'
        size -= len(piece)
        yield piece


LANGUAGES = {
    'tcp': Language('tcp', b'ping', b'pong', (b'', b''), (b'', b''), {}),
    'http': Language(
        'http',
        b'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong',
        (b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n', b''),
        (b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n', b''),
        {'overwrite-host-header': False},
    ),
    'redis': Language(
        'redis',
        b'*1\r\n$4\r\nPING\r\n',
        b'+PONG\r\n',
        (b'*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n', b'\r\n'),
        (b'$%d\r\n', b'\r\n'),
        {},
    ),
}

every_language = pytest.mark.parametrize('language', LANGUAGES.values(), ids=LANGUAGES)


def make_proxy(backend: RawBackend | str, protocol: str = 'tcp', behavior: str = 'dummy', **settings: Any) -> Proxy:
    """A proxy that changes nothing it is not told to change, not started yet."""
    address = backend if isinstance(backend, str) else backend.address
    return Proxy(
        address, protocol, behavior=behavior, protocol_options=LANGUAGES[protocol].protocol_options, **settings
    )


def connect(proxy: Proxy) -> Peer:
    """A client of *proxy*, closed when the test ends."""
    client = Peer.connect(proxy.address.port, proxy.address.host)
    clients.append(client)
    return client


def join(proxy: Proxy, backend: RawBackend) -> tuple[Peer, Peer]:
    """A client of *proxy*, and the connection that *backend* got because of it."""
    client = connect(proxy)
    return client, backend.accept()


def inside(proxy: Proxy, look: Callable[[ProxyServer], Result]) -> Result:
    """What *look* returns, called where the proxy runs."""
    return proxy._thread.call(look)


def count_greenlets(proxy: Proxy) -> int:
    """How many greenlets of links the proxy has."""
    return inside(proxy, lambda server: len(server.runtime._greenlets))


def end_time(proxy: Proxy) -> None:
    """Have the time of every rule be over that is armed for a while."""

    def go_on(server: ProxyServer) -> None:
        server.arming._now = lambda: inf
        server._end_rules()

    inside(proxy, go_on)


def only_link(server: ProxyServer) -> Link:
    """The one link that is open."""
    (link,) = server.links.values()
    return link
