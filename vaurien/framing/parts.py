"""The statements of one request, of which each can meet a fault of its own; and how the backend is made to refuse one.

An error in the middle of a request is true only if everything before it has been executed, and what is behind it has
the fate that a server gives it. So the backend executes the beginning of the request, with something behind it that it
is bound to refuse in the place of the statement. Its own error is then replaced by the one that was chosen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple


class Part(NamedTuple):
    """One statement of a request."""

    #: The request that it would be if it had come alone.
    request: bytes
    #: What is before it in the same message; None: nothing is.
    lead: bytes | None = None


class Refusal(ABC):
    """Has the backend refuse a statement, and looks for that in the reply."""

    #: What the backend is sent: what comes before the statement and was not sent yet, and what it will refuse.
    request = b''
    #: Whether the backend has refused that. False: something before it has failed, so the backend never came to it.
    is_met = False
    #: The end of the reply, which belongs behind the error.
    rest = b''

    @abstractmethod
    def feed(self, reply: bytes) -> bytes:
        """Take the next bytes of the reply; return those that come before the error, for the client."""
