"""A schedule from what people write, as TOML, YAML or JSON give it: every mistake has the path of its field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vaurien.clock import no_pause
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert, did_you_mean, shorten
from vaurien.rules.behaviors import complete_rules, read_rules
from vaurien.rules.toxics import ToxicRule, parse_toxics, read_toxic
from vaurien.schedule.schedule import MAX_STEPS, Fault, Flap, Length, Moment, Schedule, Step

#: The fields of a schedule, those of a step, and those of ``flap``.
SCHEDULE = ('steps', 'for', 'seed')
FAULTS = ('behavior', 'behaviors', 'toxic', 'enabled')
STEP = ('at', 'for', 'every', 'after', 'jitter', 'proxy', *FAULTS, 'ramp', 'flap')
FLAP = ('up', 'down')

#: The name of a proxy or of a mark.
Name = Annotated[str, Meta(min_length=1, max_length=255)]


def read_schedule(given: Any, pause: Callable[[], object] = no_pause) -> Schedule:
    """Return the schedule in ``{'steps': […], 'for': '90s', 'seed': 1}``, or in a list of steps; raise `ConfigError`.

    *pause* is called after each step, and after each rule of a step.
    """
    is_list = isinstance(given, Sequence) and not isinstance(given, str)
    fields = {'steps': given} if is_list else _take(given, SCHEDULE)
    with _within('steps'):
        steps = convert(fields.get('steps', []), list[Any])
        if not 0 < len(steps) <= MAX_STEPS:
            raise ConfigError(f'expected 1 to {MAX_STEPS} steps, got {len(steps)}')
    read = []
    for i, step in enumerate(steps):
        with _within(f'steps[{i}]'):
            read.append(_read_step(_take(step, STEP), pause))
        pause()
    return Schedule(steps=tuple(read), length=_read(fields, 'for', Length), seed=_read(fields, 'seed', int))


def _read_step(fields: Mapping[str, Any], pause: Callable[[], object]) -> Step:
    step = Step(
        fault=_read_fault(fields, pause),
        proxy=_read(fields, 'proxy', Name),
        after=_read(fields, 'after', Name),
        at=_read(fields, 'at', Moment) or 0.0,
        jitter=_read(fields, 'jitter', Moment) or 0.0,
        length=_read(fields, 'for', Length),
        every=_read(fields, 'every', Length),
        flap=_read_flap(fields),
    )
    if step.every is not None:
        if step.length is None:
            raise ConfigError('it needs for, too: how long it is there each time', 'every')
        if step.length + step.jitter > step.every:
            raise ConfigError('it comes again before it is over: for and jitter together are longer', 'every')
    return _read_ramp(step, fields['ramp']) if 'ramp' in fields else step


def _read_fault(fields: Mapping[str, Any], pause: Callable[[], object]) -> Fault:
    given = [key for key in FAULTS if key in fields]
    if len(given) != 1:
        raise ConfigError(f'expected one of {", ".join(FAULTS)}, got {" and ".join(given) or "none of them"}')
    (key,) = given
    if key == 'enabled':
        return bool(_read(fields, key, bool))
    if key == 'toxic':
        with _within(key):
            return _read_toxic(fields[key])
    if key == 'behaviors':
        rules = read_rules(_read(fields, key, list[Any]), pause)  # the paths of its errors begin with the key
        with _within(key):
            return complete_rules(rules, pause=pause)
    with _within(key):
        return complete_rules(read_rules(convert(fields[key], str), pause), pause=pause)


def _read_toxic(given: Any) -> ToxicRule:
    if not isinstance(given, str):
        return read_toxic(given)
    toxics = parse_toxics(given)
    if len(toxics) > 1:
        raise ConfigError(f'expected one toxic, got {len(toxics)}: give each of them a step')
    return toxics[0]


def _read_ramp(step: Step, given: Any) -> Step:
    """Return *step* with the ramp; raise `ConfigError`."""
    with _within('ramp'):
        if not isinstance(step.fault, ToxicRule):
            raise ConfigError('only attributes of a toxic, and its toxicity, can be changed bit by bit')
        if step.length is None:
            raise ConfigError('it needs for, too: how long it takes')
        if step.flap is not None:
            raise ConfigError('there is flap, too: give one of them')
        ramp = {}
        for name, bounds in convert(given, dict[str, Any]).items():
            with _within(name):
                first, last = convert(bounds, tuple[Any, Any])
                ramp[name] = (_read_number(step.fault, name, first), _read_number(step.fault, name, last))
        return msgspec.structs.replace(step, ramp=ramp)


def _read_number(toxic: ToxicRule, name: str, value: Any) -> float:
    """Return a number that an attribute may be, an integer if that is what it takes."""
    if name == 'toxicity':
        return float(convert(value, Annotated[float, Meta(ge=0, le=1)]))
    try:
        (checked,) = toxic.kind.check({name: value}).values()
    except OptionError as error:
        raise OptionError(error.description) from None
    if isinstance(checked, bool) or not isinstance(checked, int | float):
        raise OptionError(f'expected a number, got {shorten(value)}')
    return checked


def _read_flap(fields: Mapping[str, Any]) -> Flap | None:
    if 'flap' not in fields:
        return None
    with _within('flap'):
        bounds = _take(fields['flap'], FLAP)
        return Flap(up=_read_bounds(bounds, 'up'), down=_read_bounds(bounds, 'down'))


def _read_bounds(fields: Mapping[str, Any], key: str) -> tuple[float, float]:
    """Return the two durations in a list; a single one is both of them."""
    with _within(key):
        if key not in fields:
            raise ConfigError('missing')
        given = fields[key]
        least, most = convert(given if isinstance(given, list) else [given, given], tuple[Any, Any])
        bounds = (convert(least, Length), convert(most, Length))
        if bounds[0] > bounds[1]:
            raise ConfigError('the first of two durations is the shorter one')
        return bounds


def _read(fields: Mapping[str, Any], key: str, type_: Any) -> Any:
    with _within(key):
        return convert(fields[key], type_) if key in fields else None


def _take(given: Any, known: Sequence[str]) -> dict[str, Any]:
    """Return the fields of an object; raise `ConfigError` for one that is not *known*."""
    fields = convert(given, dict[str, Any])
    for key in fields:
        if key not in known:
            raise ConfigError(f'there is no such field, {did_you_mean(key, list(known))}', key)
    return dict(fields)


@contextmanager
def _within(path: str) -> Iterator[None]:
    """Put *path* in front of the path of a `ConfigError` in the block."""
    try:
        yield
    except ConfigError as error:
        raise error.within(path) from None
