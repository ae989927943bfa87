"""Where a link is whose messages are all ordinary: what a protocol and the compiled twin of its quick way hand over."""

from __future__ import annotations

from typing import NamedTuple

#: The most requests without a reply of which there is a kind for each: as many as `Course.kinds` has bits in C.
KINDS_MAX = 64
#: The longest host that the twin of HTTP writes.
HOST_MAX = 255


class Course(NamedTuple):
    """What decides how the next bytes of either stream are framed, as long as they are ordinary."""

    #: How many requests have no whole reply.
    outstanding: int = 0
    #: Which of its two `Framed.ordinary_kinds` a protocol expects for each of them: a bit, the lowest for the oldest.
    kinds: int = 0
    #: What does not change, by the protocol: see its `BaseProtocol.ordinary`.
    flags: int = 0
    #: What was said last of a transaction, or of the end of the connection, by the protocol.
    status: int = 0
    #: What is to be in the Host headers of requests; empty: whatever is.
    host: bytes = b''
    #: Of the request that is open, and likewise of the reply: how many bytes come next that are not looked at; what is
    #: awaited beside them, by the protocol; how many bytes of it have passed, as far as the protocol counts them.
    up_left: int = 0
    up_awaited: int = 0
    up_passed: int = 0
    down_left: int = 0
    down_awaited: int = 0
    down_passed: int = 0
