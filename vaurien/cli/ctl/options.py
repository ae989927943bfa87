"""Options that are the proxy's to know, so that no parser does: ``--sleep 2`` after the name of what takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.errors import OptionError
from vaurien.rules.grammar import format_call, format_spec, parse_call, parse_spec


def parse_options(words: Sequence[str]) -> dict[str, str]:
    """Read ``--sleep 2 --before=false --inject``; raises `OptionError`."""
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
    """*spec* with options of its only behavior, or, by ``NAME-OPTION``, of several; raises `OptionError`."""
    items = parse_spec(spec)
    alone = items[0].name if len(items) == 1 else ''
    added: dict[str, dict[str, str]] = {item.name: {} for item in items}
    for flag, value in options.items():
        name = max((name for name in added if flag.startswith(f'{name}-')), key=len, default=alone)
        if not name:
            raise OptionError(f'--{flag} is of none of {", ".join(added)}: write --{items[0].name}-OPTION VALUE')
        added[name][flag.removeprefix(f'{name}-')] = value
    return format_spec(item._replace(options={**item.options, **added[item.name]}) for item in items)


def add_attributes(spec: str, attributes: Mapping[str, Any], stream: str | None) -> str:
    """*spec* with attributes of its only toxic, and with its stream; raises `OptionError`."""
    type_, given, at = parse_call(spec)
    where = spec[at:]
    if stream is not None:
        if where:
            raise OptionError(f'unexpected {where!r} after {spec[:at]!r}: there is --stream, too')
        where = f'@{stream}'
    return format_call(type_, {**given, **attributes}) + where
