"""JSON Schemas of the bodies that Vaurien's own paths take. A field that they do not name is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vaurien.behaviors import Behavior
from vaurien.control.answers import BackendAnswer
from vaurien.control.json_schema import Schema, Schemas, describe_fields

#: ``host:port``, the port from 1 to 65535.
ADDRESS: Schema = {
    'type': 'string',
    'pattern': r'^(\[[^\s\[\]]+\]|[^\s:\[\]]+):'
    '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$',
}


def describe_arming(schemas: Schemas) -> Schema:
    """Describe the rules to arm: one behavior with its options, a text with several, or a list."""
    behaviors = Behavior.usable()
    one, rules = [], []
    for name, behavior in behaviors.items():
        named = {'name': {'const': name}, **schemas.options(behavior.all_options())}
        percent = {'type': 'number', 'minimum': 0, 'maximum': 100, 'default': 100}
        one.append(schemas.name(f'arm_{name}', _strict(named, 'name')))
        rules.append(schemas.name(f'rule_{name}', _strict({**named, 'percent': percent}, 'name')))
    term = rf'\s*([^:,()]*:)?\s*({"|".join(behaviors)})\s*(\(.*\)\s*)?'
    spec = {'type': 'string', 'pattern': f'^{term}(,{term})*$', 'examples': ['20:error,10:delay']}
    not_bare = {'pattern': '[^A-Za-z0-9_-]'}  # the options of a bare name are beside it
    by_name = {'type': 'object', 'additionalProperties': {'type': 'object'}}
    return {
        'anyOf': [
            *one,
            _strict({'behavior': spec, 'options': by_name}, 'behavior'),
            _strict({'name': {**spec, 'allOf': [not_bare]}, 'options': by_name}, 'name'),
            _strict({'behaviors': {'type': 'array', 'minItems': 1, 'items': {'anyOf': rules}}}, 'behaviors'),
        ]
    }


def describe_backend(schemas: Schemas) -> Schema:
    """Describe the address of a backend."""
    fields = dict.fromkeys(describe_fields(BackendAnswer), ADDRESS)
    return _strict(fields, *fields)


def _strict(fields: Mapping[str, Schema], *required: str) -> Schema:
    """Return the schema of an object with these fields only; ``_`` and ``-`` are the same in a name."""
    dashed = {f'^{re.sub("_", "[_-]", name)}$': schema for name, schema in fields.items() if '_' in name}
    return {
        'type': 'object',
        'properties': fields,
        'patternProperties': dashed,
        'required': required,
        'additionalProperties': False,
    }
