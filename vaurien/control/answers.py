"""What the control API answers, as types."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from vaurien.records.faults import Fault
from vaurien.records.status import LinkStatus


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
