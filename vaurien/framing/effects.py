"""What an error that was made up has to change in the backend, which knows nothing of it."""

from __future__ import annotations

from collections.abc import Generator


class Unanswered(bytes):
    """A request that gets no reply; ``b''`` comes in its place."""


#: Yields requests for the backend, one at a time, and is sent the reply to each; returns what the client is to see of
#: these replies, before the error.
Effects = Generator[bytes, bytes, bytes]
