"""The toxics in the bodies that Toxiproxy's API takes, and in its ``-config`` file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from vaurien.clock import no_pause
from vaurien.errors import ConfigError, OptionError, ToxiproxyError
from vaurien.rules.limits import Network
from vaurien.rules.toxics import BOTH, STREAMS, ToxicRule, read_client
from vaurien.toxics import Toxic
from vaurien.toxics.base import BaseToxic
from vaurien.toxiproxy import gojson
from vaurien.web.segment import check_name

#: The least values of attributes, by toxic and attribute. Toxiproxy refuses others since 2.13; Vaurien's own texts may
#: have them.
LEAST = {('slicer', 'average_size'): 1}


class ToxicChange(msgspec.Struct, kw_only=True):
    """What to change of a toxic. What is left out stays as it is."""

    toxicity: float | None = None
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)


class ToxicFields(ToxicChange, kw_only=True):
    """A toxic to add. What is left out has its default."""

    name: str = ''
    type: str = ''
    stream: str | None = None
    #: The address or network of the clients that it is for. Toxiproxy has no such field.
    client: str | None = None


def make_rule(fields: ToxicFields, taken: Collection[str] = ()) -> ToxicRule:
    """Return the toxic to add; raise `ToxiproxyError`. The names that are *taken* belong to others of its proxy.

    Mistakes are looked for in the order in which Toxiproxy does.
    """
    stream = 'downstream' if fields.stream is None else fields.stream
    is_known = fields.type in Toxic.names()
    if stream.lower() not in STREAMS or (stream.lower() == BOTH and not is_known):  # which Toxiproxy does not have
        raise ToxiproxyError(400, 'stream was invalid, can be either upstream or downstream')
    if not is_known:
        raise ToxiproxyError(400, 'invalid toxic type')
    name = fields.name or f'{fields.type}_{stream}'
    refuse_name(name)
    if name in taken:
        raise ToxiproxyError(409, 'toxic already exists')
    kind = Toxic.get(fields.type)
    return ToxicRule(
        kind=kind,
        name=name,
        stream=stream,
        toxicity=read_toxicity(fields, 1.0),
        attributes=read_attributes(kind, kind.resolve({}), fields.attributes),
        client=_read_client(fields.client),
    )


def _read_client(value: str | None) -> Network | None:
    try:
        return read_client(value)
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: {error}') from None


def read_rules(given: Any, where: str = '', pause: Callable[[], object] = no_pause) -> tuple[ToxicRule, ...]:
    """Return the toxics in a list, or none for null; raise `ToxiproxyError`. *where* ends the text of the error.

    *pause* is called after each of them.
    """
    rules: dict[str, ToxicRule] = {}
    try:
        for fields in gojson.convert(given, list[ToxicFields]):
            rule = make_rule(fields, rules)
            rules[rule.name] = rule
            pause()
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: toxics: {error}{where}') from None
    except ToxiproxyError as error:
        raise ToxiproxyError(error.status, f'{error.text}{where}') from None
    return tuple(rules.values())


def read_toxicity(change: ToxicChange, before: float) -> float:
    """Return the toxicity in *change*, or the one *before* if there is none; raise `ToxiproxyError`."""
    try:
        return before if change.toxicity is None else gojson.as_float32(change.toxicity)
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: toxicity: {error}') from None


def read_attributes(kind: type[BaseToxic], before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes *before* with those *given* in their place; raise `ToxiproxyError`.

    As in Go, keys match in any case, unknown ones are ignored, and null changes nothing.
    """
    known = {name.lower(): name for name in before}
    values = {
        known[key.lower()]: gojson.as_number(value)
        for key, value in given.items()
        if key.lower() in known and value is not None
    }
    try:
        attributes = {**before, **kind.check(values)}
        _check_least(kind, attributes)
        return attributes
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: attributes.{error}') from None


def find_least(kind: type[BaseToxic]) -> dict[str, int]:
    """Return the attributes that have to be given, because their defaults are too small, and their least values."""
    return {attribute: least for (name, attribute), least in LEAST.items() if name == kind.name}


def _check_least(kind: type[BaseToxic], attributes: Mapping[str, Any]) -> None:
    """Raise `OptionError` for an attribute that is below what Toxiproxy takes."""
    for attribute, least in find_least(kind).items():
        if attributes[attribute] < least:
            raise OptionError(f'expected int >= {least}, got {attributes[attribute]}', attribute)


def refuse_name(name: str, where: str = '') -> None:
    """Raise `ToxiproxyError` for a name to which no path leads."""
    try:
        check_name(name)
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: name: {error}{where}') from None
