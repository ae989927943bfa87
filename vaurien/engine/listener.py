"""Accepts clients, in the event loop."""

from __future__ import annotations

import logging
from _socket import socket
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import TYPE_CHECKING

from gevent.server import StreamServer

if TYPE_CHECKING:
    from vaurien.engine.proxy import ProxyServer

logger = logging.getLogger(__name__)

#: Seconds to leave waiting clients in the backlog after the process ran out of descriptors.
EXHAUSTED_PAUSE = 0.5


class Listener(StreamServer):  # type: ignore[misc]  # gevent is not typed
    """A `StreamServer` that hands raw, non-blocking sockets to the proxy, and leaves them open."""

    def __init__(self, proxy: ProxyServer) -> None:
        settings = proxy.settings
        self._proxy = proxy
        self._pause = None
        super().__init__(tuple(settings.proxy), self._no_handle, backlog=settings.backlog, spawn=None)

    @staticmethod
    def _no_handle(*args: object) -> None:
        raise AssertionError('do_handle takes the sockets')

    def init_socket(self) -> None:
        """Bind and listen. Clients' sockets inherit TCP_NODELAY from here."""
        super().init_socket()
        self.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)

    def full(self) -> bool:
        """Whether there are as many links as are allowed: accepting stops until one is closed."""
        return self._proxy.full

    def do_read(self) -> tuple[socket] | None:
        """Accept one client."""
        try:
            descriptor, _ = self.socket._accept()
        except BlockingIOError:
            return None
        except OSError as error:
            logger.warning('cannot accept a client: %s', error.strerror)
            self.rest()
            return None
        client = socket(self.socket.family, self.socket.type, self.socket.proto, descriptor)
        client.setblocking(False)
        return (client,)

    def do_handle(self, client: socket) -> None:
        """Give the client to the proxy."""
        self._proxy.open_link(client)

    def rest(self) -> None:
        """Leave the backlog alone for a moment: the descriptors are used up."""
        self.stop_accepting()
        self._timer = self.loop.timer(EXHAUSTED_PAUSE)
        self._timer.start(self._start_accepting_if_started)

    def resume(self) -> None:
        """There is room for a client again."""
        self._start_accepting_if_started()
