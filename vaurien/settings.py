"""What a proxy is told to do, typed, and the text that arms behaviors: ``20:error,10:delay``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from vaurien.address import MAX_PORT, Address
from vaurien.behaviors import Behavior
from vaurien.errors import ConfigError, OptionError
from vaurien.options import did_you_mean

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=MAX_PORT)]
LogLevel = Literal['debug', 'info', 'warning', 'error', 'critical']

#: How far a sum of percents may miss 100: ten times 0.1 is not 1.
TOLERANCE = 1e-6


class Entry(msgspec.Struct, frozen=True):
    """One armed behavior: its share of the exchanges in percent, and every option it has with its value."""

    name: str
    percent: float
    options: dict[str, Any]


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """Everything a proxy process is told at its start. Times are in seconds."""

    proxy: Address = Address('localhost', 8000)
    backend: Address = Address('localhost', 8888)
    protocol: str = 'tcp'
    #: What is armed at the start; nothing: every exchange passes.
    behaviors: tuple[Entry, ...] = ()
    #: Configured defaults by behavior: the options that were given, converted.
    behavior_options: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    #: Likewise by protocol.
    protocol_options: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    seed: int | None = None
    timeout: Seconds = 30.0
    idle_timeout: Seconds | None = None
    backlog: Count = 1024
    max_links: Count | None = None
    http: bool = False
    http_host: str = 'localhost'
    http_port: Port = 8080
    log_level: LogLevel = 'info'
    #: A file, or ``-`` for standard error.
    log_output: str = '-'


def parse_behaviors(spec: str, options: Mapping[str, Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read ``percent:name,…``; a name alone has 100 percent.

    *options* are values by behavior name that go before the declared defaults. Raises `ConfigError` for a percent that
    is none, a sum over 100 or a name given twice, `PluginError` for an unknown name, `OptionError` for a bad option.
    """
    entries: list[Entry] = []
    for item in spec.split(','):
        percent, name = _parse_item(item.strip())
        if any(entry.name == name for entry in entries):
            raise ConfigError(f'{name!r} is there twice in {spec!r}')
        entries.append(Entry(name, percent, _resolve(name, options.get(name, {}))))
    total = math.fsum(entry.percent for entry in entries)
    if total > 100 + TOLERANCE:
        raise ConfigError(f'{spec!r} adds up to {_shortest(total)} percent, more than 100')
    return tuple(entries)


def parse_armed(
    spec: str, given: Mapping[str, Mapping[str, Any]], configured: Mapping[str, Mapping[str, Any]]
) -> tuple[Entry, ...]:
    """Like `parse_behaviors`, for a proxy that runs: options *given* now go before those it was *configured* with.

    Raises `OptionError` also for options of a behavior that is not in *spec*.
    """
    names = [entry.name for entry in parse_behaviors(spec, {})]
    for name in given:
        if name not in names:
            raise OptionError(f'{name!r} is not among what is to be armed, {did_you_mean(name, names)}', name)
    return parse_behaviors(spec, {name: {**configured.get(name, {}), **given.get(name, {})} for name in names})


def format_behaviors(entries: Sequence[Entry]) -> str:
    """The text that `parse_behaviors` reads back as *entries*, their options aside; ``dummy`` for none."""
    if not entries:
        return 'dummy'
    if len(entries) == 1 and entries[0].percent == 100:
        return entries[0].name
    return ','.join(f'{_shortest(entry.percent)}:{entry.name}' for entry in entries)


def _parse_item(item: str) -> tuple[float, str]:
    share, colon, name = item.rpartition(':')
    if not name:
        raise ConfigError(f'{item!r} names no behavior: expected percent:name, such as 20:error')
    if not colon:
        return 100.0, name
    try:
        percent = float(share)
    except ValueError:
        raise ConfigError(f'{share!r} in {item!r} is no percent: expected percent:name, such as 20:error') from None
    if not 0 <= percent <= 100:  # nor is nan
        raise ConfigError(f'{share} in {item!r} is no percent: expected 0 to 100')
    return percent, name.strip()


def _resolve(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return Behavior.get(name).resolve(options)
    except ConfigError as error:
        raise error.within(name) if error.path else error from None


def _shortest(percent: float) -> str:
    return repr(round(percent, 9)).removesuffix('.0')
