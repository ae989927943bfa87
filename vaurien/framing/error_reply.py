"""An error of a protocol, as the bytes that a server would send."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

#: The text of an error that is not given another one.
INJECTED = 'injected by vaurien'

#: A code of five characters for the kind of an error (ISO 9075-2, "SQLSTATE").
SQLState = Annotated[str, Meta(pattern='^[0-9A-Z]{5}$')]


class ErrorReply(NamedTuple):
    """An error of the protocol: its bytes, and whether the connection is to be closed after them."""

    data: bytes
    closes: bool = False
    #: What has the client send the rest of the request, where a server would refuse it only then.
    prompt: bytes = b''
    #: What comes before all that, where the client may wait for it in the middle of its request.
    early: bytes = b''
