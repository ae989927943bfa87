"""Toxics from what people write: a text, ``latency(latency=200, jitter=50)@downstream``, a mapping, or arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert
from vaurien.rules.grammar import format_call, parse_call
from vaurien.toxics import Toxic

STREAMS = ('upstream', 'downstream')

_STREAM = re.compile(r'(?:@\s*(?P<name>\w+)\s*)?')
_TEXTS = {'type': '', 'name': '', 'stream': 'downstream'}


class ToxicEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One toxic of a proxy: on which of its streams it is, for which share of the links, and its attributes."""

    type: str
    name: str
    #: As it was written: ``upstream`` or ``downstream``, in any case.
    stream: str
    toxicity: float
    #: Every attribute with its value.
    attributes: dict[str, Any]

    @property
    def direction(self) -> str:
        """The stream, in lower case."""
        return self.stream.lower()


def make_toxic(
    type_: str,
    attributes: Mapping[str, Any],
    *,
    name: str = '',
    stream: str = 'downstream',
    toxicity: float = 1.0,
    text: bool = False,
) -> ToxicEntry:
    """Return a toxic with every attribute; raise `ConfigError`. With *text*, the attributes are texts to convert."""
    if stream.lower() not in STREAMS:
        raise OptionError(f'expected upstream or downstream, got {stream!r}', 'stream')
    values = Toxic.get(type_).resolve(attributes, text=text)
    return ToxicEntry(
        type=type_, name=name or f'{type_}_{stream}', stream=stream, toxicity=float(toxicity), attributes=values
    )


def change_toxic(entry: ToxicEntry, attributes: Mapping[str, Any], toxicity: float | None = None) -> ToxicEntry:
    """Return *entry* with the *attributes* and the *toxicity* that are given; raise `ConfigError`."""
    values = {**entry.attributes, **Toxic.get(entry.type).check(attributes)}
    toxicity = entry.toxicity if toxicity is None else float(toxicity)
    return msgspec.structs.replace(entry, attributes=values, toxicity=toxicity)


def read_toxics(given: Any) -> tuple[ToxicEntry, ...]:
    """Return the toxics in a list of texts or of mappings, or in one text; raise `ConfigError`.

    A mapping has ``type``, ``name``, ``stream``, ``toxicity`` and attributes. A text may hold several toxics, with
    commas between them.
    """
    entries: list[ToxicEntry] = []
    for i, one in enumerate([given] if isinstance(given, str) else convert(given, list[Any])):
        try:
            entries += parse_toxics(one) if isinstance(one, str) else [_read_toxic(one)]
        except ConfigError as error:
            raise error if isinstance(given, str) else error.within(f'toxics[{i}]') from None
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f'there are two toxics named {name!r}: give one of them another name')
    return tuple(entries)


def parse_toxics(spec: str) -> list[ToxicEntry]:
    """Return the toxics in ``type(attribute=value, …)@stream,…``; raise `ConfigError`.

    ``name`` and ``toxicity`` may be among the attributes. Without a stream, a toxic is on the downstream.
    """
    entries = []
    at = 0
    while True:
        type_, given, at = parse_call(spec, at)
        stream = _STREAM.match(spec, at)
        assert stream is not None, 'it matches an empty text, too'
        attributes: dict[str, Any] = dict(given)
        name = attributes.pop('name', '')
        toxicity = _read_toxicity(attributes.pop('toxicity', '1'), text=True)
        where = stream['name'] or 'downstream'
        entries.append(make_toxic(type_, attributes, name=name, stream=where, toxicity=toxicity, text=True))
        at = stream.end()
        if at == len(spec):
            return entries
        if spec[at] != ',':
            raise ConfigError(f'unexpected {spec[at:]!r} in {spec!r}: expected @upstream or @downstream')
        at += 1


def _read_toxic(given: Any) -> ToxicEntry:
    attributes = dict(convert(given, dict[str, Any]))
    texts = {key: convert(attributes.pop(key, default), str) for key, default in _TEXTS.items()}
    toxicity = _read_toxicity(attributes.pop('toxicity', 1.0))
    attributes |= convert(attributes.pop('attributes', {}), dict[str, Any])
    return make_toxic(texts['type'], attributes, name=texts['name'], stream=texts['stream'], toxicity=toxicity)


def _read_toxicity(value: Any, *, text: bool = False) -> float:
    try:
        return float(convert(value, float, text=text))
    except OptionError as error:
        raise error.within('toxicity') from None


def format_toxic(entry: ToxicEntry) -> str:
    """Return the text that `parse_toxics` reads as *entry*, without attributes that are at their defaults."""
    defaults = Toxic.get(entry.type).resolve({})
    given = {name: value for name, value in entry.attributes.items() if value != defaults[name]}
    if entry.name != f'{entry.type}_{entry.stream}':
        given['name'] = entry.name
    if entry.toxicity != 1:
        given['toxicity'] = entry.toxicity
    return f'{format_call(entry.type, given)}@{entry.stream}'
