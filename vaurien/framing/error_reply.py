"""An error of a protocol, as the bytes that a server would send."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

#: The text of an error unless another one is chosen.
INJECTED = 'injected by vaurien'

#: A code of five characters for the kind of an error (ISO 9075-2, "SQLSTATE").
SQLState = Annotated[str, Meta(pattern='^[0-9A-Z]{5}$')]


class ErrorReply(NamedTuple):
    """An error of a protocol: its bytes, and when they are sent."""

    #: Empty if a server would not answer: some requests are answered only if they succeed.
    data: bytes
    #: Whether the connection closes after them.
    closes: bool = False
    #: What asks the client for more of its request, each time it has sent some, where a server sends the error only
    #: after that: to DATA of SMTP, say.
    prompts: tuple[bytes, ...] = ()
    #: Bytes that come before all that, because the client may wait for them in the middle of its request.
    early: bytes = b''
    #: Whether they come when the whole request has, although the connection closes after them.
    whole: bool = False
    #: Whether they come before the rest of the request has, although the connection stays open. The rest is dropped.
    at_once: bool = False
    #: Whether they are sent although the request is marked UNANSWERED: some requests are answered only if they fail.
    unasked: bool = False

    @property
    def waits(self) -> bool:
        """Whether the rest of the request is read before they are sent."""
        return self.whole or not (self.closes or self.at_once)
