"""JSON Schemas (https://json-schema.org/draft/2020-12) of what the control API takes and gives.

They come from types, and from the options that behaviors and toxics declare. Vaurien's own bodies hold what is named
and nothing else; Toxiproxy's are read as that reads them: names in any case, null for what is absent, the rest ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from vaurien.behaviors import Behavior
from vaurien.control.answers import BackendAnswer
from vaurien.plugins.options import Option, Parsed
from vaurien.protocols import Protocol
from vaurien.rules.toxics import STREAMS
from vaurien.toxics import Toxic
from vaurien.toxics.base import BaseToxic
from vaurien.toxiproxy.api import ToxicFields
from vaurien.toxiproxy.fields import ProxyFields
from vaurien.toxiproxy.lifecycle import ProxyChange

Schema = dict[str, Any]

NULL: Schema = {'type': 'null'}
#: ``host:port``, the port from 1 to 65535.
ADDRESS: Schema = {
    'type': 'string',
    'pattern': r'^(\[[^\s\[\]]+\]|[^\s:\[\]]+):'
    '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$',
}
#: From here on a number is too large for 32 bits, to which it is rounded.
TOO_LARGE = 2.0**128 - 2.0**103

_TOXICITY: Schema = {'type': 'number', 'exclusiveMinimum': -TOO_LARGE, 'exclusiveMaximum': TOO_LARGE}
_REFERENCE = '#/components/schemas/{name}'


class Schemas:
    """Of types; those that have a name are in `named`, and only referred to elsewhere."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(self, type_: Any) -> Schema:
        """The schema of a type, or a reference to it."""
        schema, named = _describe(type_)
        self.named |= named
        return schema

    def name(self, name: str, schema: Schema) -> Schema:
        """A reference to a schema, which gets a name."""
        self.named[name] = schema
        return {'$ref': _REFERENCE.format(name=name)}

    def options(self, declared: Mapping[str, Option]) -> dict[str, Schema]:
        """Of each option."""
        return {
            name: {**self.of(type_), 'description': text, 'default': msgspec.to_builtins(default, enc_hook=str)}
            for name, (text, type_, default) in declared.items()
        }


# Vaurien's own


def describe_arming(schemas: Schemas) -> Schema:
    """One behavior with its options; several in a text; or a list."""
    behaviors = Behavior.usable()
    one, entries = [], []
    for name, behavior in behaviors.items():
        named = {'name': {'const': name}, **schemas.options(behavior.all_options())}
        percent = {'type': 'number', 'minimum': 0, 'maximum': 100, 'default': 100}
        one.append(schemas.name(f'arm_{name}', _strict(named, 'name')))
        entries.append(schemas.name(f'entry_{name}', _strict({**named, 'percent': percent}, 'name')))
    item = rf'\s*([^:,()]*:)?\s*({"|".join(behaviors)})\s*(\(.*\)\s*)?'
    spec = {'type': 'string', 'pattern': f'^{item}(,{item})*$', 'examples': ['20:error,10:delay']}
    not_bare = {'pattern': '[^A-Za-z0-9_-]'}  # the options of a bare name stand beside it
    by_name = {'type': 'object', 'additionalProperties': {'type': 'object'}}
    return {
        'anyOf': [
            *one,
            _strict({'behavior': spec, 'options': by_name}, 'behavior'),
            _strict({'name': {**spec, 'allOf': [not_bare]}, 'options': by_name}, 'name'),
            _strict({'behaviors': {'type': 'array', 'minItems': 1, 'items': {'anyOf': entries}}}, 'behaviors'),
        ]
    }


def describe_backend(schemas: Schemas) -> Schema:
    """Where the links are to go."""
    fields = dict.fromkeys(_fields(BackendAnswer), ADDRESS)
    return _strict(fields, *fields)


def _strict(fields: Mapping[str, Schema], *required: str) -> Schema:
    dashed = {f'^{re.sub("_", "[_-]", name)}$': schema for name, schema in fields.items() if '_' in name}
    return {
        'type': 'object',
        'properties': fields,
        'patternProperties': dashed,
        'required': required,
        'additionalProperties': False,
    }


# Toxiproxy's


def describe_proxy(schemas: Schemas) -> Schema:
    """A proxy to create."""
    fields = _fields(ProxyFields)
    fields['protocol'] = {'enum': list(Protocol.usable()), 'default': 'tcp'}
    return schemas.name('ProxyFields', _lenient(fields, 'name', 'upstream'))


def describe_change(schemas: Schemas) -> Schema:
    """What is to change of a proxy."""
    return _or_null(_lenient(_fields(ProxyChange)))


def describe_population(schemas: Schemas) -> Schema:
    """Proxies to create."""
    return _or_null({'type': 'array', 'items': describe_proxy(schemas)})


def describe_toxic(schemas: Schemas) -> Schema:
    """A toxic to add."""
    streams = '|'.join(map(_in_any_case, STREAMS))
    stream = {'type': 'string', 'pattern': f'^({streams})$', 'default': 'downstream'}
    fields = {**_fields(ToxicFields), 'stream': stream, 'toxicity': {**_TOXICITY, 'default': 1}}
    kinds = []
    for name, toxic in Toxic.usable().items():
        own = {'type': {'const': name}, 'attributes': _describe_attributes(schemas, toxic)}
        kinds.append(schemas.name(f'toxic_{name}', _lenient({**fields, **own}, 'type')))
    return {'anyOf': kinds}


def describe_toxic_change(schemas: Schemas) -> Schema:
    """What is to change of a toxic; its attributes are those of its type."""
    kinds = [_describe_attributes(schemas, toxic) for toxic in Toxic.usable().values()]
    return _or_null(_lenient({'toxicity': _TOXICITY, 'attributes': {'anyOf': kinds}}))


def _describe_attributes(schemas: Schemas, toxic: type[BaseToxic]) -> Schema:
    return schemas.name(f'attributes_{toxic.name}', _lenient(schemas.options(toxic.all_options())))


def _lenient(fields: Mapping[str, Schema], *required: str) -> Schema:
    named = {
        name: {**schema, 'minLength': 1} if name in required else _or_null(schema) for name, schema in fields.items()
    }
    return {
        'type': 'object',
        'properties': named,
        'patternProperties': {f'^{_in_any_case(name)}$': _or_null(schema) for name, schema in named.items()},
        'required': required,
    }


def _or_null(schema: Schema) -> Schema:
    if NULL in schema.get('anyOf', ()):
        return schema
    about = {key: value for key, value in schema.items() if key in ('default', 'description')}
    return {'anyOf': [{key: value for key, value in schema.items() if key not in about}, NULL], **about}


def _in_any_case(text: str) -> str:
    return ''.join(f'[{char.upper()}{char}]' if char.isalpha() else char for char in text)


# Types


def _fields(type_: Any) -> dict[str, Schema]:
    """The schemas of what a structure is made of."""
    fields: dict[str, Schema] = _describe(type_)[1][type_.__name__]['properties']
    return fields


def _describe(type_: Any) -> tuple[Schema, dict[str, Schema]]:
    """The schema of a type, and those of the structures that it refers to."""
    (schema,), named = msgspec.json.schema_components([type_], schema_hook=_describe_parsed, ref_template=_REFERENCE)
    return schema, named


def _describe_parsed(type_: type[Any]) -> Schema:
    if issubclass(type_, Parsed):
        return dict(type_.schema)
    raise NotImplementedError
