"""What Toxiproxy's API answers, as types."""

from __future__ import annotations

from typing import TypedDict

from vaurien.records.status import ToxicStatus


class VersionAnswer(TypedDict):
    """The level of Toxiproxy's API."""

    version: str


class _ProxyAnswer(TypedDict):
    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: list[ToxicStatus]


class ProxyAnswer(_ProxyAnswer, total=False):
    """A proxy, as Toxiproxy's API shows it; the protocol, where that is not tcp."""

    protocol: str


class PopulateAnswer(TypedDict):
    """The proxies that were asked for, in their order."""

    proxies: list[ProxyAnswer]


class RefusalAnswer(TypedDict):
    """A request that Toxiproxy's API refuses."""

    error: str
    #: The same as that of HTTP.
    status: int


class PopulateRefusal(RefusalAnswer):
    """What was done before it failed."""

    proxies: list[ProxyAnswer] | None
