"""What the control API answers, as types."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from vaurien.faults import Fault
from vaurien.status import LinkStatus, ToxicStatus


class Done(TypedDict):
    """It has been done."""

    status: Literal['ok']


class BehaviorAnswer(TypedDict):
    """What is armed, as the text that arms it."""

    behavior: str


class BackendAnswer(TypedDict):
    """Where the links of a proxy go."""

    backend: str


class OptionAnswer(TypedDict):
    """An option of a behavior."""

    help: str
    type: str
    default: Any


class BehaviorsAnswer(TypedDict):
    """What can be armed, and the options of each."""

    behaviors: list[str]
    options: dict[str, dict[str, OptionAnswer]]


class FaultsAnswer(TypedDict):
    """The last faults, the oldest first."""

    faults: list[Fault]


class LinksAnswer(TypedDict):
    """The links that are open."""

    links: list[LinkStatus]


#: Where a fault lies.
Location = Literal['body', 'header', 'method', 'path']


class Mistake(TypedDict):
    """Why a request is refused, and where the fault lies: the field, dotted, the header, the path or the method."""

    location: Location
    name: str
    description: str


class Failure(TypedDict):
    """A request that is refused."""

    status: Literal['error']
    errors: list[Mistake]


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
