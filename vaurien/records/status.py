"""What a running proxy tells of itself, as types: ready for JSON, times in seconds."""

from __future__ import annotations

from typing import Any, TypedDict


class RuleStatus(TypedDict):
    """A rule: its share of the exchanges in percent, how many matched it, and how many it was applied to."""

    name: str
    percent: float
    #: Every option with its value.
    options: dict[str, Any]
    matched: int
    hits: int


class ToxicStatus(TypedDict):
    """A toxic on a stream of a proxy, with every attribute that is set."""

    attributes: dict[str, Any]
    name: str
    type: str
    #: As it was written: ``upstream`` or ``downstream``, in any case.
    stream: str
    #: The probability that a link gets it.
    toxicity: float


class BytesStatus(TypedDict):
    """Bytes received: from the client (upstream), from the backend (downstream)."""

    upstream: int
    downstream: int


class LinksStatus(TypedDict):
    """How many links there are, and have been."""

    open: int
    total: int


class LimitsStatus(TypedDict):
    """What it was started with."""

    timeout: float
    idle_timeout: float | None
    backlog: int
    max_links: int | None


class LinkStatus(TypedDict):
    """One link that is open."""

    id: int
    #: The addresses of both peers, while they are there.
    client: str | None
    backend: str | None
    age: float
    bytes: BytesStatus
    exchanges: int
    #: What is applied to an exchange now.
    behavior: str | None
    #: The names of those that are applied to it.
    toxics: list[str]


class ProxyStatus(TypedDict):
    """Everything about a running proxy."""

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
    #: By behavior: the exchanges that it was applied to.
    faults: dict[str, int]
