"""The settings of exploring, from ``[tool.vaurien.explore]`` of ``pyproject.toml``, or ``vaurien-explore.toml``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec

from vaurien.config.files import read_document
from vaurien.config.source import place_in
from vaurien.errors import ConfigError, OptionError
from vaurien.explore.model import Injection, Outcome
from vaurien.framing.trials import Kind
from vaurien.plugins.options import convert, did_you_mean, shorten
from vaurien.plugins.units import PositiveSeconds
from vaurien.rules.match import Pattern

#: The files that may have settings, the first that has any counts; and where in them.
FILES: Mapping[str, tuple[str, ...]] = {'vaurien-explore.toml': (), 'pyproject.toml': ('tool', 'vaurien', 'explore')}

#: The statuses of HTTP with which an application says that a backend has failed.
USUAL_STATUSES = frozenset({429, 502, 503, 504})

_Status = Annotated[int, msgspec.Meta(ge=100, le=599)]


class ExploreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is tried, and how it is judged. A field is a key of the file, with ``-`` for ``_``."""

    #: With what a test may fail under a fault: names of exceptions, and statuses, which replace the usual ones.
    allow: tuple[_Status | str, ...] = ()
    #: The requests that no fault is tried on: ``redis``, or ``http: GET /health*``.
    skip: tuple[str, ...] = ()
    #: The kinds of faults that are tried; none: all.
    faults: tuple[Kind, ...] = ()
    #: How many runs with a fault there may be, and how many seconds of runs, in all tests together; None: any.
    max: Annotated[int, msgspec.Meta(ge=0)] | None = None
    seconds: PositiveSeconds | None = None
    #: After how many seconds a run is hung; None: long after a clean run would have ended.
    limit: PositiveSeconds | None = None
    #: How many faults are tried together.
    depth: Annotated[int, msgspec.Meta(ge=1, le=2)] = 1
    #: The outcomes that fail, and the file of findings that are accepted.
    fail: tuple[Outcome, ...] = tuple(outcome for outcome in Outcome if outcome.is_finding)
    baseline: str | None = None
    #: The folder for reports.
    report: str | None = None
    #: Whether a backend may be on another machine.
    allow_remote: bool = False

    @property
    def statuses(self) -> frozenset[int]:
        """The statuses that a test may meet under a fault."""
        return frozenset(one for one in self.allow if isinstance(one, int)) or USUAL_STATUSES

    @property
    def exceptions(self) -> tuple[str, ...]:
        """The names of exceptions, with or without their modules, that a test may meet under a fault."""
        return tuple(one for one in self.allow if isinstance(one, str))

    def leave_out(self, injection: Injection) -> bool:
        """Return whether *injection* is not to be tried."""
        if self.faults and injection.kind not in self.faults:
            return True
        return any(
            proxy == injection.proxy and pattern.matches(injection.request)
            for proxy, pattern in map(_parse_skipped, self.skip)
        )

    def keep_reports(self) -> ExploreSettings:
        """Return these settings without the folder for reports: the report of all faults is not to be one of a few."""
        return msgspec.structs.replace(self, report=None)

    def change(self, given: Mapping[str, Any], *, text: bool = False) -> ExploreSettings:
        """Return these settings with those that are *given*, by their names; raise `ConfigError` with the key.

        With *text*, a value may be a text that stands for something else: ``'2'``.
        """
        values: dict[str, Any] = {}
        for key, value in given.items():
            name = key.replace('-', '_')
            if name not in self.__struct_fields__:
                known = [field.replace('_', '-') for field in self.__struct_fields__]
                raise OptionError(f'no such setting, {did_you_mean(name.replace("_", "-"), known)}', key)
            try:
                values[name] = _READERS[name](value) if name in _READERS else convert(value, _TYPES[name], text=text)
            except ConfigError as error:
                raise error.within(key) from None
        return msgspec.structs.replace(self, **values)


def read_settings(folder: Path | str = '.') -> ExploreSettings:
    """Return the settings that the files in *folder* have; raise `ConfigError` with the file and the key."""
    for name, keys in FILES.items():
        path = str(Path(folder, name))
        if not Path(path).is_file():
            continue
        tree, lines, _ = read_document(path)
        for key in keys:
            tree = tree.get(key, {}) if isinstance(tree, dict) else {}
        if not tree and keys:
            continue
        try:
            if not isinstance(tree, dict):
                raise ConfigError(f'expected keys and values, got {shorten(tree)}')
            return ExploreSettings().change(tree)
        except ConfigError as error:
            place = '.'.join(filter(None, [*keys, error.path]))
            raise ConfigError(error.description, place_in(path, lines, place)) from None
    return ExploreSettings()


def _split(value: Any) -> list[Any]:
    """Return the things in a list, or in a text with commas between them."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(',') if part.strip()]
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _read_allowed(value: Any) -> tuple[int | str, ...]:
    """Return statuses and names of exceptions, of which there may also be the classes."""
    allowed: list[int | str] = []
    for one in _split(value):
        if isinstance(one, type) and issubclass(one, BaseException):
            allowed.append(f'{one.__module__}.{one.__qualname__}')
        elif isinstance(one, str) and not one.isdigit():
            allowed.append(one)
        else:
            allowed.append(convert(one, _Status, text=True))
    return tuple(allowed)


def _read_skipped(value: Any) -> tuple[str, ...]:
    texts = [convert(one, str) for one in _split(value)]
    for text in texts:
        try:
            _parse_skipped(text)
        except ValueError as error:
            raise OptionError(f'{shorten(text)}: {error}') from None
    return tuple(texts)


def _parse_skipped(text: str) -> tuple[str, Pattern]:
    """Return the name of the proxy in *text*, and the pattern of requests there; raise ValueError."""
    proxy, colon, pattern = text.partition(':')
    if not colon and ' ' in proxy.strip():
        raise ValueError("expected a proxy, or a proxy and a request such as 'http: GET *'")
    return proxy.strip(), Pattern.parse(pattern.strip() or '*')


def _choose(choices: Iterable[Enum]) -> Callable[[Any], tuple[Enum, ...]]:
    """Return what reads some of those *choices*, by their values."""

    known = {choice.value: choice for choice in choices}

    def read(value: Any) -> tuple[Enum, ...]:
        for one in _split(value):
            if one not in known:
                raise OptionError(f'{shorten(one)} is unknown, {did_you_mean(str(one), list(known))}')
        return tuple(known[one] for one in _split(value))

    return read


_TYPES = get_type_hints(ExploreSettings, include_extras=True)

#: What reads the settings that have several values: a list, or a text with commas.
_READERS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    'allow': _read_allowed,
    'skip': _read_skipped,
    'faults': _choose(Kind),
    'fail': _choose(outcome for outcome in Outcome if outcome.is_finding),
}
