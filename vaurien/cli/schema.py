"""``vaurien schema``: the JSON Schema of configuration files, with which editors complete and check them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.address import Address
from vaurien.cli.groups import GROUPS
from vaurien.config.keys import CLASSIC, PROXY_SETTINGS, REGISTRIES, SETTINGS
from vaurien.config.schedules import FILE
from vaurien.console.command import run_command
from vaurien.console.output import print_json
from vaurien.console.parser import Parser
from vaurien.console.statuses import describe_statuses
from vaurien.control.json_schema import DEFINITIONS, Schema, Schemas
from vaurien.control.schemas import describe_rules, describe_schedule
from vaurien.rules.toxics import STREAMS, ToxicRule
from vaurien.settings import Settings
from vaurien.toxics import Toxic

NAME = 'vaurien schema'

DESCRIPTION = """\
Prints the JSON Schema of configuration files in TOML and YAML, with the behaviors and protocols that
are installed. Editors that have it complete keys, explain them, and mark mistakes."""

EPILOG = f"""\
examples:
  vaurien schema > vaurien.schema.json
      have it in a file; a comment in the first line of a configuration says so to editors
      in TOML: #:schema ./vaurien.schema.json
      in YAML: # yaml-language-server: $schema=./vaurien.schema.json

{describe_statuses(NAME)}"""

#: What the file is for, in the words of JSON Schema.
DIALECT = 'https://json-schema.org/draft/2020-12/schema'

#: A text in a file stands for some of the values.
TEXT: Schema = {'type': 'string'}


def main(argv: Sequence[str]) -> int:
    """Run the command with *argv*, behind its name, and return its exit status."""
    return run_command(NAME, lambda: run(argv))


def run(argv: Sequence[str]) -> int:
    """Print the schema, and return 0; raise `ConfigError`."""
    make_parser().parse(argv)
    print_json(make_schema())
    return 0


def make_parser() -> Parser:
    """Return the parser of the flags, of which there are none."""
    return Parser(prog=NAME, description=DESCRIPTION, epilog=EPILOG)


def make_schema() -> Schema:
    """Return the schema of a configuration."""
    schemas = Schemas(DEFINITIONS)
    proxy = _describe_settings(schemas, PROXY_SETTINGS)
    schedule = describe_schedule(schemas)
    from_file = {'type': 'object', 'properties': {FILE: TEXT}, 'required': [FILE], 'additionalProperties': False}
    sections = {
        'vaurien': {**_describe_settings(schemas, SETTINGS), 'description': 'The process, and what proxies share.'},
        'proxy': {**_describe_each(proxy), 'description': 'The proxies, by name.'},
        'schedule': {'anyOf': [from_file, schedule], 'description': 'Faults that come and go over time.'},
        'statsd': {'type': 'object', 'deprecated': True},
        **{kind: _describe_plugins(schemas, kind) for kind in REGISTRIES},
    }
    return {
        '$schema': DIALECT,
        'title': 'Configuration of Vaurien',
        **_allow(sections),
        '$defs': schemas.named,
    }


def _describe_settings(schemas: Schemas, types: Mapping[str, Any]) -> Schema:
    """Describe the keys of a section, with the help of their flags and their defaults."""
    helped = {name.replace('-', '_'): text for flags in GROUPS.values() for name, _, text in flags}
    defaults = Settings()
    described = {}
    for name, type_ in types.items():
        default = getattr(defaults, name, None)
        described[name] = {
            **_describe_value(schemas, name, type_),
            **({'description': helped[name]} if name in helped else {}),
            **({'default': default} if isinstance(default, bool | int | float | str) else {}),
        }
    classic: dict[str, Schema] = {name.replace('-', '_'): {'deprecated': True} for name in CLASSIC['vaurien']}
    return _allow({**described, **classic})


def _describe_value(schemas: Schemas, name: str, type_: Any) -> Schema:
    if type_ is Address:
        return {'type': ['string', 'integer'], 'examples': ['localhost:6379']}
    if name == 'behaviors':
        return describe_rules(schemas)
    if name == 'options':
        return _describe_plugins(schemas, 'behavior')
    if type_ == tuple[ToxicRule, ...]:
        return {'anyOf': [TEXT, {'type': 'array', 'items': {'anyOf': [TEXT, _describe_toxic(schemas)]}}]}
    if type_ == tuple[str, ...]:
        return {'anyOf': [TEXT, {'type': 'array', 'items': TEXT}]}
    return schemas.of(type_)


def _describe_toxic(schemas: Schemas) -> Schema:
    common = {
        'name': TEXT,
        'stream': {'enum': list(STREAMS)},
        'toxicity': {'type': 'number', 'minimum': 0, 'maximum': 1},
        'client': TEXT,
        'attributes': {'type': 'object'},
    }
    kinds = Toxic.usable()
    each = [
        {**_allow({'type': {'const': name}, **common, **schemas.options(kind.all_options())}), 'required': ['type']}
        for name, kind in kinds.items()
    ]
    return schemas.name('toxic', {'anyOf': each})


def _describe_plugins(schemas: Schemas, kind: str) -> Schema:
    """Describe the options of each behavior or protocol, by its name; one that a file brings has a ``callable``."""
    named = {}
    for name, plugin in REGISTRIES[kind].usable().items():
        ignored: dict[str, Schema] = {
            key.replace('-', '_'): {'deprecated': True} for key in CLASSIC.get(f'{kind}.{name}', ())
        }
        options = {'callable': TEXT, **ignored, **schemas.options(plugin.all_options())}
        named[name] = schemas.name(f'{kind}_{name}', {**_allow(options), 'type': ['object', 'null']})
    brought = {'type': 'object', 'properties': {'callable': TEXT}, 'required': ['callable']}
    return {'type': ['object', 'null'], 'properties': named, 'additionalProperties': brought}


def _describe_each(schema: Schema) -> Schema:
    """Describe names, each of which leads to what the schema describes."""
    return {'type': ['object', 'null'], 'additionalProperties': schema}


def _allow(fields: Mapping[str, Schema]) -> Schema:
    """Describe a section that has these keys only, or is empty; ``-`` and ``_`` are the same in a key."""
    spelled = {f'^{re.sub("_", "[-_]", name)}_?$': schema for name, schema in fields.items() if '_' in name}
    return {
        'type': ['object', 'null'],
        'properties': {name.replace('_', '-'): schema for name, schema in fields.items()},
        'patternProperties': spelled,
        'additionalProperties': False,
    }
