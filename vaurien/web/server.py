"""An HTTP server for clients that may be late, malformed or endless: none of them harms another."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple

import gevent.pool
from gevent import pywsgi

from vaurien.address import Address
from vaurien.errors import StartError

logger = logging.getLogger(__name__)

#: How long the server waits for the next bytes of a client, also between two requests, in seconds.
CLIENT_TIMEOUT = 30.0
#: The most bytes of a rejected body that are read and dropped. If bytes were left unread, closing the connection would
#: reset it, and the client might lose the answer (RFC 9112, 9.6).
MAX_UNREAD = 1024 * 1024

#: How many clients may wait to be accepted: as many as the kernel allows (net.core.somaxconn).
BACKLOG = 65535

_CHUNK = 16 * 1024

#: A WSGI application (PEP 3333).
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Malformed(NamedTuple):
    """The body of the answer to bytes that are not HTTP, and its content type."""

    content_type: str
    body: bytes


class WebServer:
    """A server of a WSGI application, in the event loop of the thread that creates it. Subclasses define `make_app`.

    The host ``''`` means every address of the machine, those of IPv6 included if it has any.
    """

    #: The most clients at a time. More wait to be accepted. Each takes at least one file descriptor.
    max_clients: int
    malformed: Malformed

    def __init__(self, address: Address) -> None:
        self.wanted = address
        self._server: Any = None

    def make_app(self, bound: str) -> App:
        """Return the application, for a server that listens on the IP address *bound*."""
        raise NotImplementedError

    def start(self) -> None:
        """Listen and accept clients. Raise `OSError` if the address cannot be listened on."""
        listener = _listen(self.wanted)
        listener.setblocking(False)
        # Accepted connections inherit this. Head and body of an answer are two packets; without it, Nagle's algorithm
        # would hold the second one back until the client confirms the first (RFC 9293, 3.7.4).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = pywsgi.WSGIServer(
            listener,
            self.make_app(listener.getsockname()[0]),
            spawn=gevent.pool.Pool(self.max_clients),
            log=None,
            error_log=logger,
            handler_class=partial(_Handler, _encode(self.malformed)),
            environ={'SERVER_NAME': self.wanted.host},  # pywsgi would look the name up, which may block
        )
        self._server.start()

    @property
    def address(self) -> Address:
        """The address that it listens on; raises `StartError` before `start`."""
        if self._server is None:
            raise StartError('the server was not started')
        return Address(*self._server.address[:2])

    def stop(self) -> None:
        """Close the listener and every connection. Do nothing if it was not started."""
        if self._server is not None:
            self._server.stop(timeout=0)


class _Body(pywsgi.Input):  # type: ignore[misc]
    """The body of one request."""

    def _discard(self) -> None:
        """Leave the rest of the body to `drain`: pywsgi would read it to its end, without a limit."""

    def drain(self) -> bool:
        """Read the rest, up to `MAX_UNREAD` bytes. Return whether its end was reached."""
        self.send_100_continue_enabled = False
        try:
            return any(not self.read(_CHUNK) for _ in range(MAX_UNREAD // _CHUNK))
        except OSError:
            return False


class _Handler(pywsgi.WSGIHandler):  # type: ignore[misc]
    """The connection of one client. Whatever the client does is answered or logged."""

    rfile: Any
    wsgi_input: Any
    close_connection: bool

    def __init__(self, malformed: bytes, sock: Any, address: Any, server: Any) -> None:
        self._malformed = malformed
        sock.settimeout(CLIENT_TIMEOUT)
        super().__init__(sock, address, server)

    def handle(self) -> None:
        with self.rfile:  # if the garbage collector closed it, the event loop might be gone by then
            try:
                super().handle()
            except OSError as error:
                logger.debug('client %s is gone: %s', self.client_address, error)

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        given = self.wsgi_input
        body = _Body(given.rfile, given.content_length, given.socket, given.chunked_input)
        self.wsgi_input = environ['wsgi.input'] = body
        return environ

    def handle_one_response(self) -> None:
        super().handle_one_response()
        if not self.close_connection:
            self.close_connection = not self.wsgi_input.drain()

    def _handle_client_error(self, error: Exception) -> tuple[str, bytes]:
        logger.debug('client %s sent malformed HTTP: %s', self.client_address, error)
        return '400', self._malformed

    def _log_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, Exception):
            logger.error('a request failed', exc_info=(kind, error, trace))


def _listen(address: Address) -> socket.socket:
    if not address.host and socket.has_dualstack_ipv6():
        return socket.create_server(address, family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    family = socket.AF_INET6 if ':' in address.host else socket.AF_INET
    return socket.create_server(address, family=family, backlog=BACKLOG)


def _encode(malformed: Malformed) -> bytes:
    head = f'Content-Type: {malformed.content_type}\r\nConnection: close\r\nContent-Length: {len(malformed.body)}'
    return b'HTTP/1.1 400 Bad Request\r\n%s\r\n\r\n%s' % (head.encode(), malformed.body)
