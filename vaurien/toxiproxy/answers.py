"""The types of what Toxiproxy's API answers. OpenAPI shows their docstrings."""

from __future__ import annotations

from typing import TypedDict

from vaurien.records.status import ToxicStatus


class VersionAnswer(TypedDict):
    """The version of Toxiproxy whose API this is."""

    version: str


class _ProxyAnswer(TypedDict):
    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: list[ToxicStatus]


class ProxyAnswer(_ProxyAnswer, total=False):
    """A proxy. The protocol is left out if it is tcp."""

    protocol: str


class PopulateAnswer(TypedDict):
    """The proxies that were asked for, in the same order."""

    proxies: list[ProxyAnswer]


class ToxiproxyErrorAnswer(TypedDict):
    """A request that Toxiproxy's API rejects, with the status of HTTP."""

    error: str
    status: int


class PopulateErrorAnswer(ToxiproxyErrorAnswer):
    """A request that failed, and the proxies that were created or replaced before."""

    proxies: list[ProxyAnswer] | None
