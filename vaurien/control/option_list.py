"""The options of every behavior, as the control API lists them."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from vaurien.behaviors import Behavior
from vaurien.control.answers import OptionAnswer


def list_options() -> dict[str, dict[str, OptionAnswer]]:
    """Return the options of every behavior that can be armed: help, type and default."""
    return {
        name: {
            option: {'help': text, 'type': _name_type(type_), 'default': default}
            for option, (text, type_, default) in behavior.all_options().items()
        }
        for name, behavior in Behavior.usable().items()
    }


def _name_type(type_: Any) -> str:
    origin, inner = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return _name_type(inner[0])
    if origin in (Union, UnionType):
        return ' | '.join(map(_name_type, inner))
    if type_ is NoneType:
        return 'null'  # as JSON calls it
    return str(type_).replace('typing.', '') if inner else str(type_.__name__)
