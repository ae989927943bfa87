"""The clients of a server: who of them has to leave when there is no room for another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR, socket


class Clients:
    """The connections of all clients, in the order in which they were last answered.

    Usually the server waits for a client: for a request, for the rest of one, or until an answer is read. Such a client
    is idle, however many bytes trickle in. It is *busy* while the server works on its request.
    """

    def __init__(self) -> None:
        self._busy: dict[socket, bool] = {}

    def add(self, client: socket) -> None:
        """Note that a client has come."""
        self._busy[client] = False

    def remove(self, client: socket) -> None:
        """Forget a client."""
        self._busy.pop(client, None)

    def begin(self, client: socket) -> None:
        """Note that the server works on a request."""
        if client in self._busy:
            self._busy[client] = True

    def end(self, client: socket) -> None:
        """Note that the server answers."""
        if client in self._busy:
            del self._busy[client]
            self._busy[client] = False

    @contextmanager
    def waiting(self, client: socket) -> Iterator[None]:
        """Note that the server waits for more of a request on which it works."""
        if client in self._busy:
            self._busy[client] = False
        try:
            yield
        finally:
            self.begin(client)

    def close_idle(self) -> bool:
        """Close the connection that has been idle for the longest time; return whether there was one."""
        for client, is_busy in self._busy.items():
            if not is_busy:
                del self._busy[client]
                with suppress(OSError):  # the client has gone already
                    client.shutdown(SHUT_RDWR)  # wakes the greenlet that serves it
                return True
        return False
