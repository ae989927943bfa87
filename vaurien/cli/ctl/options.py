"""Options of behaviors and attributes of toxics: ``--sleep 2`` after a name. Only the proxy knows which there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.errors import OptionError
from vaurien.rules.grammar import format_call, format_spec, parse_call, parse_spec


def parse_options(words: Sequence[str]) -> dict[str, str]:
    """Return the options in ``--sleep 2 --before=false --inject``; raise `OptionError`. Without a value it is true."""
    options: dict[str, str] = {}
    rest = list(words)
    while rest:
        flag, equals, value = rest.pop(0).partition('=')
        name = flag.removeprefix('--')
        if not name or name == flag:
            raise OptionError(f'unexpected argument {flag!r}: options look like --sleep 2')
        if not equals:
            value = rest.pop(0) if rest and not rest[0].startswith('--') else 'true'
        options[name] = value
    return options


def add_options(spec: str, options: Mapping[str, str]) -> str:
    """Return *spec* with more options; raise `OptionError`. If it has several behaviors, keys are ``NAME-OPTION``."""
    terms = parse_spec(spec)
    alone = terms[0].name if len(terms) == 1 else ''
    added: dict[str, dict[str, str]] = {term.name: {} for term in terms}
    for flag, value in options.items():
        name = max((name for name in added if flag.startswith(f'{name}-')), key=len, default=alone)
        if not name:
            raise OptionError(f'--{flag} names none of {", ".join(added)}: write --{terms[0].name}-OPTION VALUE')
        added[name][flag.removeprefix(f'{name}-')] = value
    return format_spec(term._replace(options={**term.options, **added[term.name]}) for term in terms)


def add_attributes(spec: str, attributes: Mapping[str, Any], stream: str | None) -> str:
    """Return the text of a toxic with more attributes and with a stream; raise `OptionError`."""
    type_, given, at = parse_call(spec)
    where = spec[at:]
    if stream is not None:
        if where:
            raise OptionError(f'unexpected {where!r} after {spec[:at]!r}: --stream is given, too')
        where = f'@{stream}'
    return format_call(type_, {**given, **attributes}) + where
