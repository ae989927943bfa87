"""From what arms behaviors, a text or a list, to entries with every option checked; and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vaurien.behaviors import Behavior
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert, did_you_mean
from vaurien.plugins.registry import NAME
from vaurien.rules.grammar import Item, check_percent, format_spec, parse_spec, shortest
from vaurien.rules.match import Pattern

#: How far a sum of percents may miss 100: ten times 0.1 is not 1.
TOLERANCE = 1e-6

#: What arms behaviors: a text (``20:error,10:delay(sleep=2)``), or a list of ``name``, ``percent`` and options.
Spec = str | Sequence[Mapping[str, Any]]


class Entry(msgspec.Struct, frozen=True):
    """One armed behavior: its share of the exchanges in percent, and every option it has with its value."""

    name: str
    percent: float
    options: dict[str, Any]

    @property
    def is_aimed(self) -> bool:
        """Whether it is not for every exchange."""
        return any(self.options.get(name) is not None for name in ('match', 'nth', 'times'))


def read_spec(spec: Spec) -> list[Item]:
    """The behaviors in *spec*, their options checked and converted; raises `ConfigError`."""
    items = parse_spec(spec) if isinstance(spec, str) else [_read_item(i, given) for i, given in enumerate(spec)]
    read = []
    for i, item in enumerate(items):
        try:
            options = Behavior.get(item.name).check(item.options, text=isinstance(spec, str))
        except ConfigError as error:
            where = item.name if isinstance(spec, str) else f'behaviors[{i}]'
            raise error.within(where) if error.path or not isinstance(spec, str) else error from None
        read.append(Item(item.name, item.percent, options))
    return read


def parse_behaviors(spec: Spec, options: Mapping[str, Mapping[str, Any]]) -> tuple[Entry, ...]:
    """The entries that *spec* arms.

    *options* are values by behavior name that go before the declared defaults, and after what *spec* gives itself.
    Raises `ConfigError` for a percent that is none or an entry that cannot be reached, `PluginError` for an unknown
    name, `OptionError` for a bad option.
    """
    return _make_entries(read_spec(spec), options)


def _make_entries(items: Sequence[Item], options: Mapping[str, Mapping[str, Any]]) -> tuple[Entry, ...]:
    entries = []
    for item in items:
        given = {**options.get(item.name, {}), **item.options}
        try:
            entries.append(Entry(item.name, item.percent, Behavior.get(item.name).resolve(given)))
        except OptionError as error:
            raise error.within(item.name) from None
    _check_reach(entries)
    return tuple(entries)


def make_armed(
    items: Sequence[Item], given: Mapping[str, Mapping[str, Any]], configured: Mapping[str, Mapping[str, Any]]
) -> tuple[Entry, ...]:
    """The entries of what `read_spec` gave, for a proxy that runs.

    Options *given* now go before those it was *configured* with. Raises what `parse_behaviors` does, and `OptionError`
    also for options of a behavior that is not among *items*.
    """
    names = [item.name for item in items]
    for name in given:
        if name not in names:
            raise OptionError(f'{name!r} is not among what is to be armed, {did_you_mean(name, names)}', name)
    return _make_entries(items, {name: {**configured.get(name, {}), **given.get(name, {})} for name in names})


def sort_options(spec: Spec, options: dict[str, Any]) -> dict[str, Any]:
    """Keyword options by behavior: those of the one that *spec* names, or, of any other *spec*, as they are."""
    return {spec: options} if isinstance(spec, str) and NAME.fullmatch(spec) else options


def format_behaviors(entries: Sequence[Entry]) -> str:
    """The text that `parse_behaviors` reads back as *entries*; ``dummy`` for none.

    Options are in it where an entry is aimed, or is not the only one of its name.
    """
    names = [entry.name for entry in entries]
    return format_spec(
        Item(
            entry.name,
            entry.percent,
            _chosen(entry) if entry.is_aimed or names.count(entry.name) > 1 else {},
        )
        for entry in entries or (Entry('dummy', 100.0, {}),)
    )


def _chosen(entry: Entry) -> dict[str, Any]:
    """The options of an entry that are not at their defaults."""
    defaults = Behavior.get(entry.name).resolve({})
    return {name: value for name, value in entry.options.items() if value != defaults[name]}


def _read_item(number: int, given: Any) -> Item:
    if not isinstance(given, Mapping):
        raise ConfigError('expected name, percent and options', f'behaviors[{number}]')
    options = {str(key): value for key, value in given.items()}
    try:
        name = convert(options.pop('name', None), str)
    except OptionError as error:
        raise error.within('name').within(f'behaviors[{number}]') from None
    try:
        percent = check_percent(convert(options.pop('percent', 100.0), float), name)
    except ConfigError as error:
        raise error.within('percent').within(f'behaviors[{number}]') from None
    return Item(name, percent, options)


def _check_reach(entries: Sequence[Entry]) -> None:
    """Refuse an entry when those before it leave too little of whatever it is for."""
    for i, entry in enumerate(entries):
        total = math.fsum([entry.percent, *(other.percent for other in entries[:i] if _covers(other, entry))])
        if total > 100 + TOLERANCE:
            raise ConfigError(
                f'{format_behaviors(entries)!r} adds up to {shortest(total)} percent, more than 100, at {entry.name}'
            )


def _covers(other: Entry, entry: Entry) -> bool:
    """Whether *other* is, for certain, for whatever *entry* is for."""
    if other.options.get('nth') is not None or other.options.get('times') is not None:
        return False
    match: Pattern | None = other.options.get('match')
    return match is None or match == entry.options.get('match')
