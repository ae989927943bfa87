"""The HTTP server of the control API."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import gevent.pool
from gevent import pywsgi

from vaurien.address import Address
from vaurien.control.app import encode_error, make_app
from vaurien.control.guard import Guard
from vaurien.engine.proxies import Proxies
from vaurien.errors import StartError

logger = logging.getLogger(__name__)

#: The longest to wait for the next bytes of a client, between requests too, in seconds.
PATIENCE = 30.0
#: The most clients at a time; more wait to be accepted. A test run needs a handful, and each costs one file descriptor
#: of the 1024 that a process usually has.
MAX_CLIENTS = 128
#: The most bytes of a refused body that are read off, for its sender to see the answer rather than a reset.
MAX_UNREAD = 1024 * 1024

_CHUNK = 16 * 1024
_MALFORMED = encode_error('header', '', 'malformed HTTP')
_MALFORMED_RESPONSE = (
    b'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n'
    b'Content-Length: %d\r\n\r\n%s' % (len(_MALFORMED), _MALFORMED)
)


class ControlServer:
    """The control API of *proxies*, served on *address* in the hub of the thread that makes it."""

    def __init__(
        self, proxies: Proxies, address: Address, *, hosts: Sequence[str] = (), token: str | None = None
    ) -> None:
        """*hosts*: more names by which it may be reached; *token*: what whoever asks has to know."""
        self._proxies = proxies
        self._hosts = hosts
        self._token = token
        self._wanted = address
        self._server: Any = None

    def start(self) -> None:
        """Listen; raises `OSError` if that cannot be done."""
        host = self._wanted.host
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        listener = socket.create_server(self._wanted, family=family, backlog=MAX_CLIENTS)
        listener.setblocking(False)
        # Inherited by those accepted: head and body of an answer are two packets, of which none is to wait.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        app = make_app(self._proxies, Guard(host, listener.getsockname()[0], self._hosts, self._token))
        self._server = pywsgi.WSGIServer(
            listener,
            app,
            spawn=gevent.pool.Pool(MAX_CLIENTS),
            log=None,
            error_log=logger,
            handler_class=_Handler,
            environ={'SERVER_NAME': host},  # asking for it may take as long as a name server likes
        )
        self._server.start()

    @property
    def address(self) -> Address:
        """Where it listens; raises `StartError` before `start`."""
        if self._server is None:
            raise StartError('the control API was not started')
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

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
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
        return '400', _MALFORMED_RESPONSE

    def _log_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, Exception):
            logger.error('a request failed', exc_info=(kind, error, trace))
