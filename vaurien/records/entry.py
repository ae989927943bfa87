"""One exchange as the journal has it: what was asked, what came back, and which fault was applied."""

from __future__ import annotations

from typing import Any

import msgspec

from vaurien.framing.meaning import Effect, ReplyClass, TransactionState


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An exchange that is over: its reply has ended, or its link."""

    #: When the request had come, in seconds since the epoch.
    time: float
    #: The name of the proxy.
    proxy: str
    #: The number of the link, and the number of the exchange on this link. Both begin with 1.
    link: int
    exchange: int
    #: The text of the request, such as ``GET /orders/7``.
    request: str
    #: The number of the request among those of the proxy that have the same text, from 1.
    nth: int
    effect: Effect
    #: Whether carrying it out twice leaves what carrying it out once leaves, and by what the backend would know it.
    repeatable: bool = True
    key: str = ''
    #: What the reply says; None if there was none, or not all of it came.
    reply: ReplyClass | None = None
    #: The state of the connection behind the reply, where the protocol says so.
    transaction: TransactionState | None = None
    #: Whether the backend has got all of the request.
    executed: bool = True
    #: The seconds from the request until its reply began, and until it ended; None if it never did.
    first: float | None = None
    seconds: float | None = None
    #: The bytes of the request, and of the reply as it went on to the client.
    sent: int = 0
    received: int = 0
    #: After how many bytes the reply would break off in its middle.
    middle: int = 0
    #: A hash of the request's bytes, in which numbers and the like are masked; empty if nobody asked for it.
    digest: str = ''
    #: Where the request comes from, ``app/orders.py:41``; empty if nobody knows.
    where: str = ''
    #: The trace context that the request carries, as the header field ``traceparent`` has it; empty if nobody asked for
    #: it, or if there is none.
    traceparent: str = ''
    #: The name of the behavior that was applied, and its options; None if there was none.
    behavior: str | None = None
    options: dict[str, Any] = {}
    #: The seed of what it has left to chance; empty if there was none.
    chance: str = ''
