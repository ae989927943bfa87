"""A toxic as it is asked for: in a text, ``latency(latency=200, jitter=50)@downstream``, or with its parts by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vaurien.errors import ConfigError, OptionError
from vaurien.options import convert
from vaurien.spec import format_call, parse_call
from vaurien.toxics import Toxic

STREAMS = ('upstream', 'downstream')


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
    """An entry with every attribute; raises `ConfigError`. *text*: the attributes are what they spell."""
    if stream.lower() not in STREAMS:
        raise OptionError(f'expected upstream or downstream, got {stream!r}', 'stream')
    values = Toxic.get(type_).resolve(attributes, text=text)
    return ToxicEntry(
        type=type_, name=name or f'{type_}_{stream}', stream=stream, toxicity=float(toxicity), attributes=values
    )


def parse_toxic(spec: str) -> ToxicEntry:
    """Read ``type(attribute=value, …)@stream``; ``name`` and ``toxicity`` may stand among the attributes.

    Without a stream it is the downstream. Raises `ConfigError`.
    """
    type_, given, rest = parse_call(spec)
    stream = rest.removeprefix('@').strip()
    if rest and (not rest.startswith('@') or not stream):
        raise ConfigError(f'unexpected {rest!r} in {spec!r}: expected @upstream or @downstream')
    attributes = dict(given)
    name = attributes.pop('name', '')
    try:
        toxicity = convert(attributes.pop('toxicity', '1'), float, text=True)
    except OptionError as error:
        raise error.within('toxicity') from None
    return make_toxic(type_, attributes, name=name, stream=stream or 'downstream', toxicity=toxicity, text=True)


def format_toxic(entry: ToxicEntry) -> str:
    """The text that `parse_toxic` reads as *entry*, attributes at their defaults left out."""
    defaults = Toxic.get(entry.type).resolve({})
    given = {name: value for name, value in entry.attributes.items() if value != defaults[name]}
    if entry.name != f'{entry.type}_{entry.stream}':
        given['name'] = entry.name
    if entry.toxicity != 1:
        given['toxicity'] = entry.toxicity
    return f'{format_call(entry.type, given)}@{entry.stream}'
