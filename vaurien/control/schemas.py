"""JSON Schemas of the bodies that Vaurien's own paths take. A field that they do not name is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vaurien.behaviors import Behavior
from vaurien.control.answers import BackendAnswer
from vaurien.control.json_schema import Schema, Schemas, describe_fields
from vaurien.control.matching import FIELDS
from vaurien.rules.decision import ACTIONS, list_error_options
from vaurien.rules.toxics import STREAMS
from vaurien.schedule.reading import FAULTS, FLAP, Name
from vaurien.schedule.schedule import MAX_STEPS, Length, Moment
from vaurien.toxics import Toxic

#: ``host:port``, the port from 1 to 65535.
ADDRESS: Schema = {
    'type': 'string',
    'pattern': r'^(\[[^\s\[\]]+\]|[^\s:\[\]]+):'
    '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$',
}


def describe_arming(schemas: Schemas) -> Schema:
    """Describe the rules to arm: one behavior with its options, a text with several, or a list."""
    behaviors = Behavior.usable()
    one = [schemas.name(f'arm_{name}', _strict(_describe_options(schemas, name), 'name')) for name in behaviors]
    spec = _describe_spec()
    not_bare = {'pattern': '[^A-Za-z0-9_-]'}  # the options of a bare name are beside it
    by_name = {'type': 'object', 'additionalProperties': {'type': 'object'}}
    return {
        'anyOf': [
            *one,
            _strict({'behavior': spec, 'options': by_name}, 'behavior'),
            _strict({'name': {**spec, 'allOf': [not_bare]}, 'options': by_name}, 'name'),
            _strict({'behaviors': describe_rules(schemas)}, 'behaviors'),
        ]
    }


def _describe_options(schemas: Schemas, name: str) -> dict[str, Schema]:
    """Describe a behavior with its options beside its name."""
    return {'name': {'const': name}, **schemas.options(Behavior.get(name).all_options())}


def _describe_spec() -> Schema:
    """Describe a text that arms rules."""
    term = rf'\s*([^:,()]*:)?\s*({"|".join(Behavior.usable())})\s*(\(.*\)\s*)?'
    return {'type': 'string', 'pattern': f'^{term}(,{term})*$', 'examples': ['20:error,10:delay']}


def describe_rules(schemas: Schemas) -> Schema:
    """Describe a list of rules."""
    percent = {'type': 'number', 'minimum': 0, 'maximum': 100, 'default': 100}
    rules = [
        schemas.name(f'rule_{name}', _strict({**_describe_options(schemas, name), 'percent': percent}, 'name'))
        for name in Behavior.usable()
    ]
    return {'type': 'array', 'items': {'anyOf': rules}}


def describe_decision(schemas: Schemas) -> Schema:
    """Describe what becomes of a request that is held: a word, an error with its options, or a text with both."""
    plain = {'enum': [action for action in ACTIONS if action != 'error']}
    error = {'decision': {'const': 'error'}, **schemas.options(list_error_options())}
    text = {'type': 'string', 'pattern': rf'^\s*({"|".join(ACTIONS)})\s*\(.*\)\s*$', 'examples': ['error(close=true)']}
    return {
        'anyOf': [
            _strict({'decision': plain}, 'decision'),
            _strict(error, 'decision'),
            _strict({'decision': text}, 'decision'),
        ]
    }


def describe_schedule(schemas: Schemas) -> Schema:
    """Describe a schedule: its steps, how long it lasts, and its seed."""
    moment, length, name = schemas.of(Moment), schemas.of(Length), schemas.of(Name)
    bounds = {'anyOf': [length, {'type': 'array', 'items': length, 'minItems': 2, 'maxItems': 2}]}
    step = {
        **dict.fromkeys(('at', 'jitter'), moment),
        **dict.fromkeys(('for', 'every'), length),
        **dict.fromkeys(('proxy', 'after'), name),
        'behavior': _describe_spec(),
        'behaviors': describe_rules(schemas),
        'toxic': _describe_toxic(),
        'enabled': {'type': 'boolean'},
        'ramp': {'type': 'object', 'additionalProperties': {'type': 'array', 'minItems': 2, 'maxItems': 2}},
        'flap': _strict(dict.fromkeys(FLAP, bounds), *FLAP),
    }
    steps = [_strict({key: step[key] for key in step if key not in FAULTS or key == fault}, fault) for fault in FAULTS]
    described = schemas.name('step', {'description': 'A step of a schedule.', 'anyOf': steps})
    listed = {'type': 'array', 'minItems': 1, 'maxItems': MAX_STEPS, 'items': described}
    return _strict({'steps': listed, 'for': length, 'seed': {'type': 'integer'}}, 'steps')


def _describe_toxic() -> Schema:
    """Describe a toxic, as a text or with its attributes beside its type."""
    types = list(Toxic.names())
    pattern = rf'^\s*({"|".join(types)})\s*(\(.*\)\s*)?(@\s*({"|".join(STREAMS)})\s*)?$'
    text = {'type': 'string', 'pattern': pattern, 'examples': ['latency(latency=200)@downstream']}
    return {'anyOf': [text, {'type': 'object', 'properties': {'type': {'enum': types}}, 'required': ['type']}]}


def describe_mark(schemas: Schemas) -> Schema:
    """Describe the name of a mark."""
    return _strict({'name': schemas.of(Name)}, 'name')


def describe_match(schemas: Schemas) -> Schema:
    """Describe a pattern, and the requests to try it on."""
    fields = {name: schemas.of(type_) for name, type_ in FIELDS.items()}
    return _strict(fields, *fields)


def describe_backend(schemas: Schemas) -> Schema:
    """Describe the address of a backend. A URL will do, too, which a schema cannot tell from one that is refused."""
    described = {**ADDRESS, 'description': 'The address, or a URL for what the proxy speaks.'}
    fields = dict.fromkeys(describe_fields(BackendAnswer), described)
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
