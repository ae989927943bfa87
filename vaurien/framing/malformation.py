"""A reply whose form is made wrong, in whatever pieces it arrives."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Malformation(ABC):
    """Is fed a reply, and returns what the client gets of it."""

    #: Whether something is wrong now: the connection closes behind the reply.
    is_done = False
    #: Whether the client gets nothing more.
    is_over = False

    def __init__(self, request: bytes) -> None:
        """Expect the reply to a request with that head."""
        self.request = request

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those for the client."""
