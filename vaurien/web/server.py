"""An HTTP server whose clients may be late, malformed or never end, and harm nobody else."""

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

#: The longest to wait for the next bytes of a client, between requests too, in seconds.
PATIENCE = 30.0
#: The most bytes of a refused body that are read off, for its sender to see the answer rather than a reset.
MAX_UNREAD = 1024 * 1024

_CHUNK = 16 * 1024

#: A WSGI application (PEP 3333).
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Malformed(NamedTuple):
    """The body of the answer to bytes that are no HTTP, and its type."""

    content_type: str
    body: bytes


class WebServer:
    """Serves a WSGI application on *address*, in the hub of the thread that makes it. Subclasses give `make_app`.

    The host ``''`` is every address of the machine, of IPv6 as well if it has that.
    """

    #: The most clients at a time; more wait to be accepted. Each costs one file descriptor at least.
    max_clients: int
    malformed: Malformed

    def __init__(self, address: Address) -> None:
        self.wanted = address
        self._server: Any = None

    def make_app(self, bound: str) -> App:
        """The application, once the number is known that is listened on."""
        raise NotImplementedError

    def start(self) -> None:
        """Listen; raises `OSError` if that cannot be done."""
        listener = _listen(self.wanted, self.max_clients)
        listener.setblocking(False)
        # Inherited by those accepted: head and body of an answer are two packets, of which none is to wait.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = pywsgi.WSGIServer(
            listener,
            self.make_app(listener.getsockname()[0]),
            spawn=gevent.pool.Pool(self.max_clients),
            log=None,
            error_log=logger,
            handler_class=partial(_Handler, _encode(self.malformed)),
            environ={'SERVER_NAME': self.wanted.host},  # asking for it may take as long as a name server likes
        )
        self._server.start()

    @property
    def address(self) -> Address:
        """Where it listens; raises `StartError` before `start`."""
        if self._server is None:
            raise StartError('the server was not started')
        return Address(*self._server.address[:2])

    def stop(self) -> None:
        """Close the listener and every connection; does nothing if there are none."""
        if self._server is not None:
            self._server.stop(timeout=0)


class _Body(pywsgi.Input):  # type: ignore[misc]
    """The body of one request. What of it nobody read, the handler deals with."""

    def _discard(self) -> None:
        pass

    def drain(self) -> bool:
        """Read on to the end, within `MAX_UNREAD`; whether that was reached."""
        self.send_100_continue_enabled = False
        try:
            return any(not self.read(_CHUNK) for _ in range(MAX_UNREAD // _CHUNK))
        except OSError:
            return False


class _Handler(pywsgi.WSGIHandler):  # type: ignore[misc]
    """One client. Whatever it sends, or stops sending, is answered or logged and harms nobody else."""

    rfile: Any
    wsgi_input: Any
    close_connection: bool

    def __init__(self, malformed: bytes, sock: Any, address: Any, server: Any) -> None:
        self._malformed = malformed
        sock.settimeout(PATIENCE)
        super().__init__(sock, address, server)

    def handle(self) -> None:
        with self.rfile:  # left to the garbage collector, it might outlive the event loop
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


def _listen(address: Address, backlog: int) -> socket.socket:
    if not address.host and socket.has_dualstack_ipv6():
        return socket.create_server(address, family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True)
    family = socket.AF_INET6 if ':' in address.host else socket.AF_INET
    return socket.create_server(address, family=family, backlog=backlog)


def _encode(malformed: Malformed) -> bytes:
    head = f'Content-Type: {malformed.content_type}\r\nConnection: close\r\nContent-Length: {len(malformed.body)}'
    return b'HTTP/1.1 400 Bad Request\r\n%s\r\n\r\n%s' % (head.encode(), malformed.body)
