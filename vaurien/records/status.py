"""The types of what a running proxy reports about itself. It is ready for JSON; times are in seconds."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

#: What the proxies of a process are about: they begin to listen, serve, or let open exchanges finish at the end.
Phase = Literal['starting', 'ready', 'draining']


class _RuleStatus(TypedDict):
    name: str
    percent: float
    #: The text that arms it alone, with the options that are not at their defaults.
    text: str
    #: Every option with its value.
    options: dict[str, Any]
    seen: int
    matched: int
    hits: int


class RuleStatus(_RuleStatus, total=False):
    """A rule: its share of the exchanges in percent, how many it saw, how many matched, how many it was applied to.

    They are counted since it was armed, while anything but ``dummy`` is armed.
    """

    #: Seconds until it is armed no longer, if it is armed for a while (``for``).
    left: float


class _ToxicStatus(TypedDict):
    attributes: dict[str, Any]
    name: str
    type: str
    #: ``upstream``, ``downstream`` or ``both``, in the upper and lower case in which it was given.
    stream: str
    #: The probability that it applies to a link.
    toxicity: float


class ToxicStatus(_ToxicStatus, total=False):
    """A toxic on a stream of a proxy, or on both. What is not set is left out, of the attributes, too."""

    #: The address or network of the clients whose links it applies to.
    client: str


class BytesStatus(TypedDict):
    """The bytes received from the client (upstream) and from the backend (downstream)."""

    upstream: int
    downstream: int


class LinksStatus(TypedDict):
    """The number of links that are open, and of all links since the start."""

    open: int
    total: int


class LimitsStatus(TypedDict):
    """The limits that a proxy was started with."""

    timeout: float
    idle_timeout: float | None
    keepalive: int
    backlog: int
    max_links: int | None


class LinkStatus(TypedDict):
    """An open link."""

    id: int
    #: The addresses of both peers; null before the connection and after it is closed.
    client: str | None
    backend: str | None
    age: float
    bytes: BytesStatus
    exchanges: int
    #: The behavior that is applied to an exchange at the moment.
    behavior: str | None
    #: The names of the toxics that apply to it.
    toxics: list[str]


class HeldStatus(TypedDict):
    """A request that is held until somebody decides: since when (Unix time), for how long, and for how long at most."""

    id: int
    time: float
    link: int
    client: str | None
    request: str
    #: How long it was held until now, and how long it will be if nobody decides.
    seconds: float
    left: float


class ReplayStatus(TypedDict):
    """The faults of a journal that are injected again: how many, how many of them were, and the first that were not."""

    faults: int
    placed: int
    #: Each with the reason, as far as it can be known by now.
    unplaced: list[str]


class QuantilesStatus(TypedDict):
    """The percentiles of times, in seconds."""

    p50: float
    p95: float
    p99: float


class _TimesStatus(TypedDict):
    """The times of exchanges of a kind."""

    timed: int
    backend: QuantilesStatus | None
    client: QuantilesStatus | None


class TimesStatus(_TimesStatus, total=False):
    """The times of exchanges: how many were timed, and the percentiles of the last 1,000 of them.

    *backend* is from the request sent until its reply's end, *client* from the request having come until the reply was
    sent. Exchanges are timed while somebody looks, and of many only some.
    """

    #: Those of each class of requests, of the last 100; only with ``--classes``.
    classes: dict[str, _TimesStatus]


class _ProxyStatus(TypedDict):
    version: str
    pid: int
    name: str
    enabled: bool
    uptime: float
    proxy: str
    backend: str
    protocol: str
    protocol_options: dict[str, Any]
    behavior: str
    behaviors: list[RuleStatus]
    toxics: list[ToxicStatus]
    seed: int
    settings: LimitsStatus
    links: LinksStatus
    exchanges: int
    bytes: BytesStatus
    #: How many exchanges each behavior was applied to, by its name.
    faults: dict[str, int]
    times: TimesStatus


class ProxyStatus(_ProxyStatus, total=False):
    """Everything about a running proxy. Where no journal is replayed, that is left out."""

    replay: ReplayStatus


class NextStatus(TypedDict):
    """The next change of a step of a schedule, and when, in seconds from the start."""

    seconds: float
    #: The index of the step, from 0.
    step: int
    change: str


class ScheduleStatus(TypedDict):
    """The schedule that runs, or that has run last, and how far it has come."""

    status: Literal['none', 'running', 'stopped', 'ended']
    #: Since its start.
    seconds: float
    #: The indices of the steps that are there.
    active: list[int]
    next: NextStatus | None
    #: When each mark was last set, in seconds from the start.
    marks: dict[str, float]
    #: How many changes were made, and how many of them have failed.
    changes: int
    failures: int
