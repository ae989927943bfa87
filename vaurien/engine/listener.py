"""Accepts clients, in the event loop."""

from __future__ import annotations

import logging
from _socket import socket
from collections.abc import Callable
from socket import AF_INET6, IPPROTO_IPV6, IPPROTO_TCP, IPV6_V6ONLY, SO_REUSEADDR, SOL_SOCKET, TCP_NODELAY
from typing import Any

from gevent.server import StreamServer
from gevent.socket import socket as GeventSocket  # noqa: N812  # beside the plain one

from vaurien.address import Address
from vaurien.engine.dialer import EXHAUSTED_PAUSE

logger = logging.getLogger(__name__)


class Listener(StreamServer):  # type: ignore[misc]  # gevent is not typed
    """A `StreamServer` that hands out raw, non-blocking sockets and leaves them open."""

    def __init__(
        self, address: Address, backlog: int, on_client: Callable[[socket], None], is_full: Callable[[], bool]
    ) -> None:
        """*on_client* gets each client's socket; while *is_full* is true, clients wait in the backlog."""
        self._on_client = on_client
        self._is_full = is_full
        super().__init__(tuple(address), self._no_handle, backlog=backlog, spawn=None)

    @staticmethod
    def _no_handle(*args: object) -> None:
        raise AssertionError('do_handle takes the sockets')

    @classmethod
    def get_listener(cls, address: tuple[str, int], backlog: int, family: int) -> Any:
        """Bind and listen. Clients' sockets inherit TCP_NODELAY from here. ``::`` is for IPv4, too."""
        listener = GeventSocket(family)
        try:
            if family == AF_INET6:
                listener.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
            listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            listener.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            listener.bind(address)
            listener.listen(backlog)
        except BaseException:  # such as the port being in use
            listener.close()
            raise
        listener.setblocking(False)
        return listener

    def full(self) -> bool:
        """Return whether there are as many links as are allowed: accepting stops until one is closed."""
        return self._is_full()

    def do_read(self) -> tuple[socket] | None:
        """Accept one client."""
        try:
            descriptor, _ = self.socket._accept()
        except BlockingIOError:
            return None
        except OSError as error:
            self.rest(error.strerror or '')
            return None
        client = socket(self.socket.family, self.socket.type, self.socket.proto, descriptor)
        client.setblocking(False)
        return (client,)

    def do_handle(self, client: socket) -> None:
        """Hand the client out."""
        self._on_client(client)

    def rest(self, reason: str) -> None:
        """Leave the backlog alone for a moment, because the descriptors are used up."""
        logger.warning('clients have to wait: %s', reason)
        self.stop_accepting()
        self._timer = self.loop.timer(EXHAUSTED_PAUSE)
        self._timer.start(self._start_accepting_if_started)

    def resume(self) -> None:
        """Accept again, for there is room for a client."""
        self._start_accepting_if_started()
