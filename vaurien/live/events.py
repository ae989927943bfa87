"""The events that ``GET /events`` sends. OpenAPI has their schemas, with the docstrings.

Times are in seconds since the epoch, durations in seconds, rates per second. What nobody knows is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypedDict

import msgspec

from vaurien.framing.meaning import Effect, ReplyClass
from vaurien.records.origin import Origin, What
from vaurien.records.status import QuantilesStatus, ToxicStatus

#: The seconds between two events ``second``.
PERIOD = 1.0
#: So many of them are kept.
KEPT = 900


class ArmedRule(TypedDict):
    """A rule that may be applied to an exchange, with the value of every option."""

    name: str
    percent: float
    options: dict[str, Any]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a proxy: what it is, and what is armed on it."""

    enabled: bool
    listen: str
    backend: str
    protocol: str
    #: The text that arms it; ``dummy``: nothing.
    behavior: str
    rules: list[ArmedRule]
    toxics: list[ToxicStatus]


class Columns(TypedDict, total=False):
    """The counts of a proxy in columns of equal length, the oldest value first; no columns before the first second."""

    time: list[float]
    requests: list[float]
    errors: list[float]
    faults: list[float]
    upstream: list[float]
    downstream: list[float]
    links: list[float]
    backend_p50: list[float | None]
    backend_p95: list[float | None]
    backend_p99: list[float | None]
    client_p50: list[float | None]
    client_p95: list[float | None]
    client_p99: list[float | None]


#: What is encoded once for all events that have it. The schema refers to the type, as OpenAPI does.
EncodedState = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={'$ref': '#/components/schemas/State'})]
EncodedColumns = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={'$ref': '#/components/schemas/Columns'})]


class ProxySecond(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic of a proxy in a second, as rates."""

    #: Exchanges begun; error replies, estimated from the exchanges that were timed; behaviors and toxics applied.
    requests: float
    errors: float
    faults: float
    #: Bytes received from clients, and from the backend.
    upstream: float
    downstream: float
    #: How many are open.
    links: int
    #: How many of the exchanges that were over were timed.
    timed: int
    #: From the request sent to the backend until the end of its reply.
    backend: QuantilesStatus | None
    #: From the request having come until its reply was sent to the client.
    client: QuantilesStatus | None
    state: EncodedState


class SecondEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A second that is over, and what went through the proxies in it."""

    #: The end of the interval, and its length.
    time: float
    seconds: float
    #: How many exchanges were begun in the process, and how many of them are timed.
    requests: int
    timed: int
    proxies: dict[str, ProxySecond]


class ExchangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange that is over. Of many, a part is told of."""

    time: float
    proxy: str
    link: int
    exchange: int
    #: The address of the client; null once it has gone.
    client: str | None
    #: The text of the request.
    request: str
    effect: Effect
    reply: ReplyClass | None
    client_time: float | None
    #: Null if the backend was not asked, or has not answered.
    backend_time: float | None
    executed: bool
    #: The bytes of the request, and of the reply as the client got it.
    sent: int
    received: int
    behavior: str | None
    options: dict[str, Any]
    #: The names of the toxics at work on the link.
    toxics: Sequence[str]


class FaultEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A behavior that begins on an exchange. Of many, a part is told of."""

    time: float
    proxy: str
    link: int
    exchange: int
    behavior: str
    options: dict[str, Any]
    request: str


class ChangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a proxy, or of the schedule."""

    time: float
    #: The name of the proxy; null for the schedule.
    proxy: str | None
    what: What | Literal['schedule']
    by: Origin
    #: For people to read.
    text: str
    #: The state after the change; null if the proxy is gone, or for the schedule.
    state: EncodedState | None


class SnapshotEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The first event of each reader: how everything is, and what has happened in the last minutes."""

    time: float
    version: str
    period: float
    kept: int
    states: dict[str, EncodedState]
    series: dict[str, EncodedColumns]
    changes: list[ChangeEvent]


Event = SecondEvent | ExchangeEvent | FaultEvent | ChangeEvent | SnapshotEvent

#: The names of the events.
NAMES: dict[type[Event], str] = {
    SnapshotEvent: 'snapshot',
    SecondEvent: 'second',
    ExchangeEvent: 'exchange',
    FaultEvent: 'fault',
    ChangeEvent: 'change',
}


def encode(event: Event, number: int) -> bytes:
    """Return an event as it is sent (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    return b'event: %s\nid: %d\ndata: %s\n\n' % (NAMES[type(event)].encode(), number, msgspec.json.encode(event))
