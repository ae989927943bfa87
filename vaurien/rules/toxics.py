"""Toxics from what people write: a text, ``latency(latency=200, jitter=50)@downstream``, a mapping, or arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert
from vaurien.records.status import ToxicStatus
from vaurien.rules.grammar import format_call, parse_call
from vaurien.rules.limits import Network
from vaurien.toxics import Toxic
from vaurien.toxics.base import BaseToxic
from vaurien.web.segment import check_name

#: The streams that a toxic may be on, in the order in which toxics are listed.
UPSTREAM, BOTH, DOWNSTREAM = STREAMS = ('upstream', 'both', 'downstream')

_STREAM = re.compile(r'(?:@\s*(?P<name>\w+)\s*)?')
_TEXTS = {'type': '', 'name': '', 'stream': 'downstream'}


class ToxicRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule for a stream: a toxic, the stream that it is on, or both, and the share of the links that get it.

    It is to toxics what `Rule` is to behaviors. It counts nothing: each link has stages of its own.
    """

    kind: type[BaseToxic]
    name: str
    #: ``upstream``, ``downstream`` or ``both``, in upper or lower case as it was written.
    stream: str
    #: The probability that a link gets the toxic.
    toxicity: float
    #: Every attribute with its value, checked.
    attributes: dict[str, Any]
    #: The clients whose links may get it; None: all.
    client: Network | None = None

    @property
    def type(self) -> str:
        """The type of the toxic, such as ``latency``."""
        return self.kind.name

    @property
    def direction(self) -> str:
        """The stream, in lower case."""
        return self.stream.lower()

    def serves(self, host: str | None) -> bool:
        """Return whether links of a client at *host* may get it; None: nobody knows any more where that is."""
        return self.client is None or host in self.client

    def change(self, attributes: Mapping[str, Any], toxicity: float | None = None) -> ToxicRule:
        """Return the rule with other *attributes*, to be checked, and another *toxicity*; raise `ConfigError`."""
        values = {**self.attributes, **self.kind.check(attributes)}
        toxicity = self.toxicity if toxicity is None else float(toxicity)
        return msgspec.structs.replace(self, attributes=values, toxicity=toxicity)

    def status(self) -> ToxicStatus:
        """Return what the control API shows. What is not set is left out."""
        status: ToxicStatus = {
            'attributes': msgspec.to_builtins(
                {name: value for name, value in self.attributes.items() if value is not None}, enc_hook=str
            ),
            'name': self.name,
            'type': self.type,
            'stream': self.stream,
            'toxicity': self.toxicity,
        }
        if self.client is not None:
            status['client'] = str(self.client)
        return status


def make_toxic(
    type_: str,
    attributes: Mapping[str, Any],
    *,
    name: str = '',
    stream: str = 'downstream',
    toxicity: float = 1.0,
    client: str | None = None,
    text: bool = False,
) -> ToxicRule:
    """Return a toxic with every attribute; raise `ConfigError`. With *text*, the attributes are texts to convert."""
    if stream.lower() not in STREAMS:
        raise OptionError(f'expected upstream, downstream or both, got {stream!r}', 'stream')
    kind = Toxic.get(type_)
    try:
        check_name(name or type_)
    except ConfigError as error:
        raise error.within('name') from None
    return ToxicRule(
        kind=kind,
        name=name or f'{type_}_{stream}',
        stream=stream,
        toxicity=float(toxicity),
        attributes=kind.resolve(attributes, text=text),
        client=read_client(client),
    )


def read_client(value: Any) -> Network | None:
    """Return the clients whose links may get a toxic; raise `OptionError`."""
    try:
        client: Network | None = convert(value, Network | None)
    except OptionError as error:
        raise error.within('client') from None
    return client


def read_toxics(given: Any) -> tuple[ToxicRule, ...]:
    """Return the toxics in a list of texts or of mappings, or in one text; raise `ConfigError`.

    A mapping has ``type``, ``name``, ``stream``, ``toxicity``, ``client`` and attributes. A text may hold several
    toxics, with commas between them.
    """
    rules: list[ToxicRule] = []
    for i, one in enumerate([given] if isinstance(given, str) else convert(given, list[Any])):
        try:
            rules += parse_toxics(one) if isinstance(one, str) else [read_toxic(one)]
        except ConfigError as error:
            raise error if isinstance(given, str) else error.within(f'toxics[{i}]') from None
    for name, count in Counter(rule.name for rule in rules).items():
        if count > 1:
            raise ConfigError(f'there are two toxics named {name!r}: give one of them another name')
    return tuple(rules)


def parse_toxics(spec: str) -> list[ToxicRule]:
    """Return the toxics in ``type(attribute=value, …)@stream,…``; raise `ConfigError`.

    ``name``, ``toxicity`` and ``client`` may be among the attributes. Without a stream, a toxic is on the downstream.
    """
    rules = []
    at = 0
    while True:
        type_, given, at = parse_call(spec, at)
        stream = _STREAM.match(spec, at)
        assert stream is not None, 'it matches an empty text, too'
        attributes: dict[str, Any] = dict(given)
        name = attributes.pop('name', '')
        toxicity = _read_toxicity(attributes.pop('toxicity', '1'), text=True)
        client = attributes.pop('client', None)
        where = stream['name'] or DOWNSTREAM
        rules.append(
            make_toxic(type_, attributes, name=name, stream=where, toxicity=toxicity, client=client, text=True)
        )
        at = stream.end()
        if at == len(spec):
            return rules
        if spec[at] != ',':
            raise ConfigError(f'unexpected {spec[at:]!r} in {spec!r}: expected @upstream, @downstream or @both')
        at += 1


def read_toxic(given: Any) -> ToxicRule:
    """Return the toxic in a mapping: ``type``, ``name``, ``stream``, ``toxicity``, attributes. Raise `ConfigError`."""
    attributes = dict(convert(given, dict[str, Any]))
    texts = {key: convert(attributes.pop(key, default), str) for key, default in _TEXTS.items()}
    toxicity = _read_toxicity(attributes.pop('toxicity', 1.0))
    client = attributes.pop('client', None)
    attributes |= convert(attributes.pop('attributes', {}), dict[str, Any])
    return make_toxic(
        texts['type'], attributes, name=texts['name'], stream=texts['stream'], toxicity=toxicity, client=client
    )


def _read_toxicity(value: Any, *, text: bool = False) -> float:
    try:
        return float(convert(value, float, text=text))
    except OptionError as error:
        raise error.within('toxicity') from None


def format_toxic(rule: ToxicRule) -> str:
    """Return the text that `parse_toxics` reads as *rule*, without attributes that are at their defaults."""
    defaults = rule.kind.resolve({})
    given = {name: value for name, value in rule.attributes.items() if value != defaults[name]}
    if rule.name != f'{rule.type}_{rule.stream}':
        given['name'] = rule.name
    if rule.toxicity != 1:
        given['toxicity'] = rule.toxicity
    if rule.client is not None:
        given['client'] = rule.client
    return f'{format_call(rule.type, given)}@{rule.stream}'
