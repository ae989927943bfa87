"""The types of what the control API answers. OpenAPI shows their docstrings."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from vaurien.records.faults import Fault
from vaurien.records.status import HeldStatus, LinkStatus, Phase, RuleStatus


class Done(TypedDict):
    """The request was carried out."""

    status: Literal['ok']


DONE: Done = {'status': 'ok'}


class BehaviorAnswer(TypedDict):
    """The rules that are armed, in the text that arms them, and the options of each behavior that are not in it."""

    behavior: str
    options: dict[str, dict[str, Any]]


class BackendAnswer(TypedDict):
    """The address of a proxy's backend."""

    backend: str


class OptionAnswer(TypedDict):
    """An option of a behavior or of a toxic.

    The schema is what JSON Schema says of its values. The unit is that of bare numbers; null: it has none.
    """

    help: str
    type: str
    default: Any
    unit: str | None
    schema: dict[str, Any]


class BehaviorsAnswer(TypedDict):
    """The behaviors that can be armed, the options of each, and the rules that are in effect on each proxy."""

    behaviors: list[str]
    options: dict[str, dict[str, OptionAnswer]]
    armed: dict[str, list[RuleStatus]]


class ToxicsAnswer(TypedDict):
    """The toxics that can be added, and the attributes of each."""

    toxics: list[str]
    attributes: dict[str, dict[str, OptionAnswer]]


class MatchAnswer(TypedDict):
    """The requests that a pattern fits: whether it fits each of those that were given."""

    matches: list[bool]


class FaultsAnswer(TypedDict):
    """The last faults of a proxy, the oldest first."""

    faults: list[Fault]


class FaultAnswer(TypedDict):
    """The fault that was taken; null if there is none."""

    fault: Fault | None


class LinksAnswer(TypedDict):
    """The open links of a proxy."""

    links: list[LinkStatus]


class HeldAnswer(TypedDict):
    """The requests that a proxy holds until somebody decides what becomes of each, the oldest first."""

    held: list[HeldStatus]


class ProxyReadiness(TypedDict):
    """The readiness of a proxy: whether it listens, and whether its backend has accepted the last connection.

    A proxy that is disabled does not listen. Before there was a connection, the backend is null.
    """

    listens: bool
    backend_answered: bool | None


class ReadyAnswer(TypedDict):
    """The readiness of a process, and of each of its proxies."""

    status: Phase
    proxies: dict[str, ProxyReadiness]


#: The part of a request that is wrong.
Location = Literal['body', 'header', 'method', 'path', 'query']


class ErrorDetail(TypedDict):
    """The part of a request that is wrong: the dotted path of a field, a header, a parameter, the path, the method."""

    location: Location
    name: str
    description: str


class ErrorAnswer(TypedDict):
    """A request that was rejected."""

    status: Literal['error']
    errors: list[ErrorDetail]
