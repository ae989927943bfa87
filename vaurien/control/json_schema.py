"""JSON Schemas (https://json-schema.org/draft/2020-12) of types, and of the options of behaviors and toxics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vaurien.plugins.options import Option, Parsed, find_parsed
from vaurien.plugins.units import find_unit

Schema = dict[str, Any]

#: Where a document of OpenAPI has its schemas, and where any other one has them.
COMPONENTS, DEFINITIONS = '#/components/schemas/{name}', '#/$defs/{name}'


class Schemas:
    """The schemas of one document. Those with a name are in `named`, and elsewhere there are references to them."""

    def __init__(self, reference: str = COMPONENTS) -> None:
        """Take how *reference* leads to a schema by its name."""
        self._reference = reference
        self.named: dict[str, Schema] = {}

    def of(self, type_: Any) -> Schema:
        """Return the schema of a type, or a reference to it."""
        schema, named = _describe(type_, self._reference)
        self.named |= named
        return schema

    def name(self, name: str, schema: Schema) -> Schema:
        """Give a schema a name, and return a reference to it."""
        self.named[name] = schema
        return {'$ref': self._reference.format(name=name)}

    def options(self, declared: Mapping[str, Option]) -> dict[str, Schema]:
        """Return the schema of each option, with its help text and its default."""
        return {
            name: {**self.of(type_), 'description': text, 'default': msgspec.to_builtins(default, enc_hook=str)}
            for name, (text, type_, default) in declared.items()
        }


def describe_fields(type_: Any) -> dict[str, Schema]:
    """Return the schemas of the fields of a structure."""
    fields: dict[str, Schema] = _describe(type_, COMPONENTS)[1][type_.__name__]['properties']
    return fields


def _describe(type_: Any, reference: str) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of a type, and those of the structures that it refers to."""
    (schema,), named = msgspec.json.schema_components([type_], schema_hook=_describe_parsed, ref_template=reference)
    unit = find_unit(type_)
    if unit is not None:
        numbers = schema.get('anyOf', [schema])
        schema = {'anyOf': [*numbers, unit.schema(whole=numbers[0]['type'] == 'integer')]}
    if (parsed := find_parsed(type_)) is not None:
        schema = {'anyOf': [*schema.get('anyOf', [schema]), _describe_parsed(parsed)]}
    return schema, named


def _describe_parsed(type_: type[Any]) -> Schema:
    if issubclass(type_, Parsed):
        return dict(type_.schema)
    raise NotImplementedError
