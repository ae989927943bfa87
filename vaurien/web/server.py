"""An HTTP server for clients that may be late, malformed or endless: none of them harms another."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import gevent.pool
from gevent import pywsgi

from vaurien.address import Address
from vaurien.console.limits import EXHAUSTED, LOST
from vaurien.errors import StartError
from vaurien.web.clients import Clients
from vaurien.web.listening import listen
from vaurien.web.wsgi_handler import WsgiHandler

logger = logging.getLogger(__name__)

#: Seconds until the next attempt to accept a client after one failed because no descriptor was left.
EXHAUSTED_PAUSE = 0.05

#: A WSGI application (PEP 3333).
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Malformed(NamedTuple):
    """The body of the answer to bytes that are not HTTP, and its content type."""

    content_type: str
    body: bytes


class WebServer:
    """A server of a WSGI application, in the event loop of the thread that creates it. Subclasses define `make_app`.

    The host ``''`` means every address of the machine, those of IPv6 included if it has any. A name means every address
    of the name that the machine has, on one port.
    """

    #: The most clients at a time. For one more, the client that was idle for the longest time has to leave. Each takes
    #: at least one file descriptor.
    max_clients: int
    #: How long the body of a request may take, in seconds.
    body_timeout = 60.0
    malformed: Malformed

    def __init__(self, address: Address) -> None:
        self.wanted = address
        self._servers: list[Any] = []

    def make_app(self, bound: str) -> App:
        """Return the application, for a server that listens on the IP address *bound*."""
        raise NotImplementedError

    def start(self) -> None:
        """Listen and accept clients. Raise `OSError` if the address cannot be listened on."""
        listeners = listen(self.wanted)
        clients, pool = Clients(), gevent.pool.Pool(self.max_clients)
        app = self.make_app(listeners[0].getsockname()[0])
        for listener in listeners:
            listener.setblocking(False)
            # Accepted connections inherit this. Head and body of an answer are two packets; without it, Nagle's
            # algorithm would hold the second one back until the client confirms the first (RFC 9293, 3.7.4).
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = _Server(
                clients,
                listener,
                app,
                spawn=pool,
                log=None,
                error_log=logger,
                handler_class=partial(WsgiHandler, _encode(self.malformed), clients, self.body_timeout),
                environ={'SERVER_NAME': self.wanted.host},  # pywsgi would look the name up, which may block
            )
            server.start()
            self._servers.append(server)

    @property
    def address(self) -> Address:
        """The first of the addresses that it listens on; raises `StartError` before `start`."""
        if not self._servers:
            raise StartError('the server was not started')
        return Address(*self._servers[0].address[:2])

    def stop(self) -> None:
        """Close the listeners and every connection. Do nothing if it was not started."""
        for server in self._servers:
            server.stop(timeout=0)


class _Server(pywsgi.WSGIServer):  # type: ignore[misc]
    """A server with room for the next client: the one that was idle for the longest time has to leave."""

    def __init__(self, clients: Clients, *args: Any, **options: Any) -> None:
        self._clients = clients
        self._is_short = False
        super().__init__(*args, **options)

    def do_read(self) -> Any:
        """Accept one client; return None if there is none."""
        try:
            accepted = super().do_read()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._make_do(error)
            elif error.errno not in LOST:
                raise
            return None
        self._is_short = False
        return accepted

    def do_handle(self, client: Any, *args: Any) -> None:
        """Serve a client."""
        self._clients.add(client)
        super().do_handle(client, *args)
        self.make_room()

    def do_close(self, client: Any, *args: Any) -> None:
        """Close the connection of a client."""
        self._clients.remove(client)
        super().do_close(client, *args)

    def make_room(self) -> None:
        """Close an idle connection if there is no room for another one."""
        if self.pool.full():
            self._clients.close_idle()

    def _make_do(self, error: OSError) -> None:
        """Take the descriptor of an idle client, because no other is left, and look again soon."""
        if not self._is_short:
            logger.warning('clients have to wait: %s', error.strerror)
            self._is_short = True
        self._clients.close_idle()
        self.stop_accepting()
        self._timer = self.loop.timer(EXHAUSTED_PAUSE)
        self._timer.start(self._start_accepting_if_started)


def _encode(malformed: Malformed) -> bytes:
    head = f'Content-Type: {malformed.content_type}\r\nConnection: close\r\nContent-Length: {len(malformed.body)}'
    return b'HTTP/1.1 400 Bad Request\r\n%s\r\n\r\n%s' % (head.encode(), malformed.body)
