"""What stands in the place of a backend that cannot be reached: a connection that never answers and takes nothing."""

from __future__ import annotations

from _socket import socket
from socket import AF_UNIX, SHUT_RD, SOCK_STREAM, socketpair


class AbsentBackend:
    """Has a connection that breaks when something is sent on it: whatever no fault answers ends the link."""

    def __init__(self) -> None:
        connection, self._other = socketpair(AF_UNIX, SOCK_STREAM)
        self._other.shutdown(SHUT_RD)
        #: The link's own.
        self.connection = socket(fileno=connection.detach())
        self.connection.setblocking(False)

    def close(self) -> None:
        """Close the other end: whoever reads from the connection sees the end of the stream."""
        self._other.close()
