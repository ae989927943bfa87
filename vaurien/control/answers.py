"""The types of what the control API answers. OpenAPI shows their docstrings."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from vaurien.records.faults import Fault
from vaurien.records.status import LinkStatus, RuleStatus


class Done(TypedDict):
    """The request was carried out."""

    status: Literal['ok']


class BehaviorAnswer(TypedDict):
    """The rules that are armed, in the text that arms them."""

    behavior: str


class BackendAnswer(TypedDict):
    """The address of a proxy's backend."""

    backend: str


class OptionAnswer(TypedDict):
    """An option of a behavior."""

    help: str
    type: str
    default: Any


class BehaviorsAnswer(TypedDict):
    """The behaviors that can be armed, the options of each, and the rules that are in effect on each proxy."""

    behaviors: list[str]
    options: dict[str, dict[str, OptionAnswer]]
    armed: dict[str, list[RuleStatus]]


class FaultsAnswer(TypedDict):
    """The last faults of a proxy, the oldest first."""

    faults: list[Fault]


class LinksAnswer(TypedDict):
    """The open links of a proxy."""

    links: list[LinkStatus]


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
