"""The connection of one client of a server: whatever the client does is answered, or ends the connection."""

from __future__ import annotations

import logging
from contextlib import suppress
from io import BufferedReader, BytesIO
from socket import SHUT_WR
from time import monotonic
from types import TracebackType
from typing import Any

from gevent import Timeout, pywsgi

from vaurien.web.chunked import ChunkedBody
from vaurien.web.clients import Clients
from vaurien.web.request_head import MAX_FIRST_LINE, parse_head, read_head

logger = logging.getLogger(__name__)

#: How long the server waits for the first byte of a request, and for a client that reads nothing, in seconds.
CLIENT_TIMEOUT = 30.0
#: How long a head may take from its first byte to its last, in seconds.
HEAD_TIMEOUT = 10.0
#: The most bytes of a rejected request that are read and dropped, and the most seconds. If bytes were left unread,
#: closing the connection would reset it, and the client might lose the answer (RFC 9112, 9.6).
MAX_UNREAD = 1024 * 1024
LINGER_TIMEOUT = 2.0

_CHUNK = 16 * 1024


class _Body(pywsgi.Input):  # type: ignore[misc]
    """The body of one request."""

    def __init__(self, given: pywsgi.Input, clients: Clients, client: Any, timeout: float) -> None:
        super().__init__(given.rfile, given.content_length, given.socket, given.chunked_input)
        self._chunks = BufferedReader(ChunkedBody(given.rfile)) if given.chunked_input else None
        self._clients = clients
        self._client = client
        self._deadline = monotonic() + timeout

    def read(self, length: int | None = None) -> bytes:
        """Return so many bytes, fewer at the end; raise `OSError` if they do not come in time, or are malformed."""
        with self._clients.waiting(self._client), Timeout(max(0.0, self._deadline - monotonic()), TimeoutError):
            data: bytes = super().read(length)
        return data

    def _chunked_read(self, length: int | None = None, use_readline: bool = False) -> bytes:
        assert self._chunks is not None
        self._send_100_continue()
        read = self._chunks.readline if use_readline else self._chunks.read
        return read(-1 if length is None else length)

    def _discard(self) -> None:
        """Leave the rest of the body to `drain`: pywsgi would read it to its end, without a limit."""

    @property
    def is_too_long(self) -> bool:
        """Whether so much of it is left that `drain` will not reach its end."""
        return not self.chunked_input and (self.content_length or 0) - self.position > MAX_UNREAD

    def drain(self) -> bool:
        """Read the rest, up to `MAX_UNREAD` bytes. Return whether its end was reached."""
        self.send_100_continue_enabled = False
        try:
            return any(not self.read(_CHUNK) for _ in range(MAX_UNREAD // _CHUNK + 1))  # the last one finds the end
        except OSError:
            return False


class WsgiHandler(pywsgi.WSGIHandler):  # type: ignore[misc]
    """The connection of one client. *body_timeout* is how long a body may take, in seconds."""

    rfile: Any
    wsgi_input: Any
    response_headers: list[tuple[bytes, bytes]]
    close_connection: bool

    def __init__(
        self, malformed: bytes, clients: Clients, body_timeout: float, sock: Any, address: Any, server: Any
    ) -> None:
        self._malformed = malformed
        self._clients = clients
        self._body_timeout = body_timeout
        self._head = b''
        self._fields: list[tuple[str, str]] = []
        sock.settimeout(CLIENT_TIMEOUT)
        super().__init__(sock, address, server)

    def handle(self) -> None:
        """Serve requests until the connection ends."""
        with self.rfile:  # if the garbage collector closed it, the event loop might be gone by then
            try:
                super().handle()
            except OSError as error:
                logger.debug('client %s is gone: %s', self.client_address, error)

    # Reading

    def read_requestline(self) -> str:
        """Read a whole head; return its first line, empty if the client sends no more requests."""
        if not self.rfile.peek(1):
            return ''
        with Timeout(HEAD_TIMEOUT, TimeoutError):
            self._head = read_head(self.rfile)
        return self._head[:MAX_FIRST_LINE].partition(b'\n')[0].decode('latin-1') or '?'

    def read_request(self, raw_requestline: str) -> bool:
        """Take the head apart; raise `httptools.HttpParserError` if it is malformed."""
        head = parse_head(self._head)
        self._fields = head.fields
        super().read_request(raw_requestline)
        self.close_connection = not head.keeps_alive
        return True

    def MessageClass(self, *args: object) -> Any:  # noqa: N802  # pywsgi's name
        """Return the fields of the head, as pywsgi wants them."""
        message = pywsgi.headers_factory(BytesIO())
        for name, value in self._fields:
            message[name] = value
        return message

    def get_environ(self) -> dict[str, Any]:
        """Return the environment of the request, with a body that ends."""
        environ: dict[str, Any] = super().get_environ()
        body = _Body(self.wsgi_input, self._clients, self.socket, self._body_timeout)
        self.wsgi_input = environ['wsgi.input'] = body
        return environ

    # Answering

    def run_application(self) -> None:
        """Have the application answer."""
        self._clients.begin(self.socket)
        super().run_application()

    def finalize_headers(self) -> None:
        """Announce that the connection will be closed, if it will, or the client might use it again."""
        if self.wsgi_input.is_too_long and not self.close_connection:
            self.close_connection = True
            self.response_headers.append((b'Connection', b'close'))
        super().finalize_headers()
        if self.command == 'HEAD' and self.provided_content_length is None:
            # pywsgi counts what is sent, which is nothing. The length is that of what GET would send (RFC 9110, 8.6).
            self.response_headers = [field for field in self.response_headers if field != (b'Content-Length', b'0')]

    def process_result(self) -> None:
        """Send the answer. From here on the client is waited for again."""
        self._clients.end(self.socket)
        super().process_result()

    def handle_one_request(self) -> bool | None:
        """Serve one request; return True if another one may follow."""
        result = super().handle_one_request()
        if not isinstance(result, tuple):
            return True if result else None
        self.socket.sendall(result[1])
        self._linger()
        return None

    def handle_one_response(self) -> None:
        """Answer one request, and look for the beginning of the next one."""
        super().handle_one_response()
        if not self.wsgi_input.drain():
            self.close_connection = True
            self._linger()
        self._clients.end(self.socket)

    def _linger(self) -> None:
        """Send no more, and drop for a while what still comes: the client is to get the answer."""
        with suppress(OSError), Timeout(LINGER_TIMEOUT, False):
            self.socket.shutdown(SHUT_WR)
            for _ in range(MAX_UNREAD // _CHUNK):
                if not self.socket.recv(_CHUNK):
                    break

    def _handle_client_error(self, error: Exception) -> tuple[str, bytes]:
        logger.debug('client %s sent malformed HTTP: %s', self.client_address, error)
        return '400', self._malformed

    def handle_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Answer that the application failed. Let the greenlet end if it is killed, or if the client reads nothing."""
        if not isinstance(error, Exception) or isinstance(error, TimeoutError):
            raise error
        super().handle_error(kind, error, trace)

    def _log_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logger.error('a request failed', exc_info=(kind, error, trace))
