"""JSON Schemas of the bodies that Toxiproxy's paths take.

They are read as Go reads them: names match in any case, null stands for what is absent, other fields are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

from vaurien.control.json_schema import Schema, Schemas, describe_fields
from vaurien.protocols import Protocol
from vaurien.rules.limits import Network
from vaurien.rules.toxics import STREAMS
from vaurien.settings import AUTO
from vaurien.toxics import Toxic
from vaurien.toxics.base import BaseToxic
from vaurien.toxiproxy.fields import PEM_FIELDS, ProxyFields, TLSFields
from vaurien.toxiproxy.lifecycle import ProxyChange
from vaurien.toxiproxy.toxics import ToxicFields, find_least
from vaurien.web.segment import MAX_NAME

NULL: Schema = {'type': 'null'}
#: From here on a number is too large for 32 bits, to which the API rounds.
TOO_LARGE = 2.0**128 - 2.0**103

_PEM = '-----BEGIN '
#: A name to which a path leads: not ``.`` or ``..``, and without a slash.
_NAME: Schema = {'type': 'string', 'maxLength': MAX_NAME, 'pattern': r'^([^/.]|\.[^/.]|\.\.[^/])[^/]*$'}

_TOXICITY: Schema = {'type': 'number', 'exclusiveMinimum': -TOO_LARGE, 'exclusiveMaximum': TOO_LARGE}


def describe_proxy(schemas: Schemas) -> Schema:
    """Describe a proxy to create."""
    return schemas.name('ProxyFields', _lenient(_describe_proxy_fields(), 'name', 'upstream'))


def _describe_proxy_fields() -> dict[str, Schema]:
    fields = describe_fields(ProxyFields)
    del fields['toxics']  # it counts in `describe_population` only
    del fields['tls_keylog']  # no request may have it
    for name in PEM_FIELDS:
        fields[name] = {'type': 'string', 'pattern': f'^{AUTO}$|{_PEM}' if name == 'proxy_tls' else _PEM}
    fields['name'] = _NAME
    fields['protocol'] = {'enum': list(Protocol.usable()), 'default': 'tcp'}
    return fields


def describe_change(schemas: Schemas) -> Schema:
    """Describe what to change of a proxy."""
    fields = describe_fields(ProxyChange)
    for name in ('protocol', 'addressed', *TLSFields.__struct_fields__):
        del fields[name]  # it may be sent back, but not changed, and differs between proxies
    return _or_null(_lenient(fields))


def describe_population(schemas: Schemas) -> Schema:
    """Describe the proxies to create."""
    fields = {**_describe_proxy_fields(), 'toxics': {'type': 'array', 'items': describe_toxic(schemas)}}
    proxy = schemas.name('PopulatedFields', _lenient(fields, 'name', 'upstream'))
    return _or_null({'type': 'array', 'items': proxy})


def describe_toxic(schemas: Schemas) -> Schema:
    """Describe a toxic to add."""
    streams = '|'.join(map(_in_any_case, STREAMS))
    stream = {'type': 'string', 'pattern': f'^({streams})$', 'default': 'downstream'}
    own_name = {'anyOf': [_NAME, {'const': ''}], 'default': ''}
    toxicity = {**_TOXICITY, 'default': 1}
    fields = {**describe_fields(ToxicFields), 'name': own_name, 'stream': stream, 'toxicity': toxicity}
    fields['client'] = dict(Network.schema)
    kinds = []
    for name, toxic in Toxic.usable().items():
        own = {'type': {'const': name}, 'attributes': _describe_attributes(schemas, toxic)}
        required = ['type', *(['attributes'] if find_least(toxic) else [])]
        kinds.append(schemas.name(f'toxic_{name}', _lenient({**fields, **own}, *required)))
    return {'anyOf': kinds}


def describe_toxic_change(schemas: Schemas) -> Schema:
    """Describe what to change of a toxic. The attributes are those of its type."""
    kinds = [_describe_attributes(schemas, toxic) for toxic in Toxic.usable().values()]
    return _or_null(_lenient({'toxicity': _TOXICITY, 'attributes': {'anyOf': kinds}}))


def _describe_attributes(schemas: Schemas, toxic: type[BaseToxic]) -> Schema:
    attributes, least = _lenient(schemas.options(toxic.all_options())), find_least(toxic)
    for attribute, value in least.items():
        attributes['properties'][attribute] = {'type': 'integer', 'minimum': value}
    return schemas.name(f'attributes_{toxic.name}', {**attributes, 'required': list(least)})


def _lenient(fields: Mapping[str, Schema], *required: str) -> Schema:
    """Return the schema of an object with these fields, in any case, and with any others."""
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
