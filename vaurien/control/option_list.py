"""The options of every behavior and the attributes of every toxic, as the control API lists them."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from vaurien.behaviors import Behavior
from vaurien.control.answers import OptionAnswer
from vaurien.control.json_schema import Schemas
from vaurien.plugins.options import Configurable
from vaurien.plugins.units import find_unit
from vaurien.toxics import Toxic


def list_options() -> dict[str, dict[str, OptionAnswer]]:
    """Return the options of every behavior that can be armed: what each means, and what it may be."""
    return {name: _list(behavior) for name, behavior in Behavior.usable().items()}


def list_attributes() -> dict[str, dict[str, OptionAnswer]]:
    """Return the attributes of every toxic that can be added, likewise."""
    return {name: _list(toxic) for name, toxic in Toxic.usable().items()}


def _list(plugin: type[Configurable]) -> dict[str, OptionAnswer]:
    declared = plugin.all_options()
    schemas = Schemas().options(declared)
    return {
        name: {
            'help': text,
            'type': _name_type(type_),
            'default': default,
            'unit': None if (unit := find_unit(type_)) is None else unit.unit,
            'schema': schemas[name],
        }
        for name, (text, type_, default) in declared.items()
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
