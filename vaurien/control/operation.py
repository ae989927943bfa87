"""What a responder takes and gives, beyond what falcon knows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import falcon

from vaurien.control.answers import ErrorAnswer
from vaurien.control.json_schema import Schema, Schemas
from vaurien.plugins.options import Option

JSON = falcon.MEDIA_JSON

#: What may be in a body: its type, by the type of the content.
Content = dict[str, Any]


class JsonText(NamedTuple):
    """JSON of some type in a body that is called plain text."""

    type: Any


class Dialect(NamedTuple):
    """What a group of operations has in common."""

    name: str
    tag: str
    #: Returns what may be in the body of an error response, by its status.
    describe_error: Callable[[int], Content]
    #: Whether answers have a number in a header, as Toxiproxy's do.
    is_numbered: bool = True


VAURIEN = Dialect('vaurien', 'vaurien', lambda status: {JSON: ErrorAnswer}, is_numbered=False)


class Operation(NamedTuple):
    """What a responder takes and gives."""

    #: The type of the body that it answers with; None: there is no body.
    answer: Any
    status: int = 200
    content: str = JSON
    #: Describes the body that it takes, if it takes one.
    takes: Callable[[Schemas], Schema] | None = None
    #: The statuses of errors that not every operation has.
    errors: tuple[int, ...] = ()
    dialect: Dialect = VAURIEN
    #: The path parameter of other operations that takes the `name` in this answer (an OpenAPI link).
    names: str | None = None
    #: The parameters in the query of its path; and those that choose a proxy, where the path names none.
    parameters: Mapping[str, Option] = {}
    choice: Mapping[str, Option] = {}
    #: Other media types of the answer, with the type of each body.
    others: Content = {}
    #: For a stream: the type of the data of each event, by its name.
    events: Mapping[str, Any] = {}
    #: Types that the schemas of the events refer to.
    named: tuple[Any, ...] = ()
    #: Whether it needs no token.
    is_public: bool = False
