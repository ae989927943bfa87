"""Numbered requests and replies of each protocol, and a backend that answers them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.peers import Peer, RawBackend
from tests.servers import HOST
from vaurien import Proxy

CRLF = b'\r\n'
HEAD_END = CRLF + CRLF
#: Of every proxy made here.
SEED = 1


@dataclass(frozen=True)
class Language:
    """A request, its reply and what a log calls it in one protocol, with a place for a number of two digits."""

    protocol: str
    request_form: bytes
    reply_form: bytes
    text_form: str

    def request(self, number: int) -> bytes:
        """Return the request with that number."""
        return self.request_form % number

    def reply(self, number: int) -> bytes:
        """Return the backend's reply to it."""
        return self.reply_form % number

    def text(self, number: int) -> str:
        """Return what a log line calls it."""
        return self.text_form % number if '%' in self.text_form else self.text_form

    def read_error(self, peer: Peer) -> bytes:
        """Read one error, and check that it has the form of an error of the protocol."""
        if self.protocol == 'tcp':
            return peer.recv_exactly(1000)
        if self.protocol == 'redis':
            error = peer.recv_until(CRLF)
            assert error.startswith(b'-ERR ')
            return error
        head = peer.recv_until(HEAD_END)
        assert head.startswith(b'HTTP/1.1 50')
        return head + peer.recv_exactly(int(head.lower().partition(b'content-length:')[2].split(CRLF)[0]))


LANGUAGES = {
    'tcp': Language('tcp', b'ping %02d', b'pong %02d', '7 bytes'),
    'http': Language(
        'http',
        b'GET /%02d HTTP/1.1\r\nHost: backend\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d',
        'GET /%02d',
    ),
    'redis': Language('redis', b'*2\r\n$3\r\nGET\r\n$2\r\n%02d\r\n', b'$2\r\n%02d\r\n', 'GET %02d'),
}


class TalkingBackend(RawBackend):
    """A backend that takes numbered requests and answers them, unless it is told to be silent."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self.language = language
        #: Every request taken, in order; how many connections have ended.
        self.asked: list[bytes] = []
        self.ended = 0
        self.is_silent = False
        self.serve(self._talk)

    def _talk(self, peer: Peer) -> None:
        replies = {self.language.request(number): self.language.reply(number) for number in range(100)}
        with suppress(ConnectionError, EOFError):
            while True:
                request = peer.recv_exactly(len(self.language.request(0)))
                self.asked.append(request)
                if not self.is_silent:
                    peer.send(replies[request])
        self.ended += 1


@contextmanager
def talking(protocol: str) -> Iterator[TalkingBackend]:
    """Run a backend that talks, until the block ends."""
    backend = TalkingBackend(LANGUAGES[protocol])
    try:
        yield backend
    finally:
        backend.close()


def make_proxy(backend: RawBackend, protocol: str, behavior: str = 'dummy', **options: Any) -> Proxy:
    """Return a proxy that leaves Host headers alone; *options* are those of the one *behavior*."""
    return Proxy(
        backend.address,
        protocol,
        behavior=behavior,
        options={behavior: options} if options else None,
        protocol_options={'overwrite-host-header': False} if protocol == 'http' else None,
        seed=SEED,
    )


def connect(proxy: Proxy) -> Peer:
    """Return a client of *proxy*."""
    return Peer.connect(proxy.address.port, HOST)
