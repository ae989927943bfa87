"""A request to an HTTP server that may be anything: its answer has a limit in bytes, and the whole exchange in seconds.

The usual libraries limit the wait for the next byte only, and read what comes: an answer of a byte a second keeps them
for ever, one without an end fills the memory. `http.client` limits lines and headers; the rest is here.
"""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import Any, NamedTuple, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit

from vaurien import __version__
from vaurien.errors import AnswerError, EndOfStreamError

#: What may stand in the path and the query of a URL as it is (RFC 3986, 3.3 and 3.4).
SAFE = "/?%:@!$&'()*+,;=~"


class Answer(NamedTuple):
    """What the server has sent."""

    status: int
    reason: str
    #: The value of ``Content-Type``, or an empty text.
    type: str
    body: bytes


def ask(
    method: str,
    url: str,
    *,
    seconds: float,
    most: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return the answer to one request. All of it takes up to *seconds*, and the body has up to *most* bytes.

    Only the look-up of the host's name is not limited: that is for the system to do.

    No redirect is followed, and no web proxy is asked. A user and a password in *url* are sent.

    Raise `TimeoutError` after *seconds*, another `OSError` if there is no answer, or no whole one, and `AnswerError` if
    it is too large, or compressed although that was not asked for.
    """
    try:
        parts = urlsplit(url)
        limited = _Limited(parts, parts.port, monotonic() + seconds)
    except ValueError as error:  # of a bracket that is not closed, a port that is none, a label of 64 characters
        raise OSError(f'not a URL: {error}') from None
    target = quote(parts._replace(scheme='', netloc='', fragment='').geturl() or '/', safe=SAFE)
    try:
        connection = limited.start()
        connection.request(method, target, body, {**_make_headers(parts), **(headers or {})})
        return _read(connection.getresponse(), most)
    except IncompleteRead:
        reason = 'connection closed within the answer'
    except HTTPException as error:
        if isinstance(error, OSError):  # closed without an answer
            raise
        reason = f'malformed answer: {type(error).__name__}'
    finally:
        limited.end()
    raise EndOfStreamError(reason)  # here, where it has no context: `find_reason` would show what the server sent


def _read(response: HTTPResponse, most: int) -> Answer:
    if (coding := response.headers.get('Content-Encoding', 'identity')) != 'identity':
        raise AnswerError(f'it sends {coding[:20]!r}, which was not asked for')
    is_large = response.length is not None and response.length > most
    body = b'' if is_large else response.read(most + 1)
    if is_large or len(body) > most:
        raise AnswerError(f'it sends more than {most >> 20} MiB')
    if response.length:
        raise IncompleteRead(body)
    return Answer(response.status, response.reason, response.headers.get('Content-Type', ''), body)


def _make_headers(parts: SplitResult) -> dict[str, str]:
    headers = {'User-Agent': f'vaurien/{__version__}', 'Connection': 'close'}  # and http.client adds identity
    if parts.username is not None:
        pair = f'{unquote(parts.username)}:{unquote(parts.password or "")}'
        headers['Authorization'] = f'Basic {b64encode(pair.encode()).decode()}'
    return headers


class _Limited:
    """A connection that ends at a *deadline*. It stands for the socket that `http.client` uses."""

    def __init__(self, parts: SplitResult, port: int | None, deadline: float) -> None:
        self._deadline = deadline
        self._context = ssl.create_default_context() if parts.scheme == 'https' else None
        if not parts.hostname:
            raise OSError('no host')
        self._address = (parts.hostname, port or (443 if self._context else 80))
        self._sock = self._connect()

    @property
    def left(self) -> float:
        """The seconds that are left. Raises `TimeoutError` if there are none."""
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError('timed out')
        return left

    def _connect(self) -> socket.socket:
        """Return a connection to the first address of the host that accepts one, each in the time that is left."""
        failure = OSError('the name has no address')
        for family, kind, protocol, _, address in socket.getaddrinfo(*self._address, type=socket.SOCK_STREAM):
            sock = None
            try:
                sock = socket.socket(family, kind, protocol)
                sock.settimeout(self.left)
                sock.connect(address)
            except OSError as error:
                failure = error
                if sock is not None:
                    sock.close()
            else:
                return sock
        raise failure

    def start(self) -> HTTPConnection:
        """Begin with TLS if the URL says so, and return an HTTP connection over it."""
        if self._context is None:
            connection = HTTPConnection(*self._address)
        else:
            self._sock.settimeout(self.left)
            self._sock = self._context.wrap_socket(self._sock, server_hostname=self._address[0])
            connection = HTTPSConnection(*self._address, context=self._context)
        connection.sock = cast(socket.socket, self)
        return connection

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self.left)
        self._sock.sendall(data)

    def receive_into(self, buffer: Any) -> int:
        self._sock.settimeout(self.left)
        return self._sock.recv_into(buffer)

    def makefile(self, mode: str) -> BufferedReader:
        return BufferedReader(_Reader(self))

    def close(self) -> None:
        """Do nothing: `http.client` closes the socket before the answer is read."""

    def end(self) -> None:
        """Close the connection."""
        self._sock.close()


class _Reader(RawIOBase):
    """What a connection receives, as a file."""

    def __init__(self, limited: _Limited) -> None:
        self._limited = limited

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._limited.receive_into(buffer)
