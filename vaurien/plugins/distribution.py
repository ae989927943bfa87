"""Times that are drawn anew each time: ``lognormal(p50=50ms, p99=400ms)``, ``uniform(min=10ms, max=50ms)``, and others.

A type with a unit takes them, too, if it is declared with one of the subclasses of `Distribution`:
``Annotated[Seconds, DrawnSeconds]``. Numbers without a unit are in the unit of the type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from math import exp, log, log1p
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from vaurien.console.files import read_file
from vaurien.errors import OptionError
from vaurien.plugins.options import Parsed, convert, did_you_mean
from vaurien.plugins.units import MILLISECONDS, SECONDS, Unit

if TYPE_CHECKING:
    from statistics import NormalDist

#: Returns the number below which that share of all draws is, from 0 up to 1.
Quantile = Callable[[float], float]

#: How each is written.
EXAMPLES = {
    'lognormal': 'lognormal(p50=50ms, p99=400ms)',
    'normal': 'normal(mean=100ms, sd=20ms)',
    'pareto': 'pareto(min=10ms, p99=400ms)',
    'table': 'table(delays.txt)',
    'uniform': 'uniform(min=10ms, max=50ms)',
}
#: The most bytes of the file of a table: to read its numbers takes a tenth of a second.
MAX_TABLE = 256 * 1024
#: No draw is larger: a Pareto distribution has no bound.
LARGEST = 2.0**62

_PERCENTILE = re.compile(r'p([0-9]{1,2}(?:\.[0-9]{1,6})?)')
#: Whether whoever gives the text may have files of this machine read.
_may_read = ContextVar('_may_read', default=False)


@contextmanager
def reading_files() -> Iterator[None]:
    """Let texts name files within the block: those of flags, configuration and programs, but never of a request."""
    token = _may_read.set(True)
    try:
        yield
    finally:
        _may_read.reset(token)


class Distribution(Parsed):
    """Numbers that are drawn independently, in the unit of the subclass, and are never negative."""

    unit: ClassVar[Unit]
    # Files are left out: no request may name one.
    schema = {
        'type': 'string',
        'pattern': '^(lognormal|normal|pareto|uniform)\\([a-z]+[0-9.]* *= *[^,()=]+, *[a-z]+[0-9.]* *= *[^,()=]+\\)$',
        'examples': [example for name, example in EXAMPLES.items() if name != 'table'],
    }

    def __init__(self, text: str, quantile: Quantile, numbers: Sequence[float] = ()) -> None:
        """Take the *numbers* of a table, too: the same text may stand for others when the file has changed."""
        super().__init__(text)
        self._quantile = quantile
        self._numbers = numbers

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and isinstance(other, Distribution) and other._numbers == self._numbers

    __hash__ = Parsed.__hash__

    @classmethod
    def is_meant(cls, value: Any) -> bool:
        """Return whether *value* looks like a call."""
        return isinstance(value, cls) or (isinstance(value, str) and '(' in value)

    @classmethod
    def parse(cls, value: Any) -> Distribution:
        """Return the distribution of a text; raise ValueError if it is none."""
        if isinstance(value, cls):
            return value
        name, _, inside = value.strip().partition('(')
        name = name.strip()
        if name not in EXAMPLES:
            raise ValueError(f'{name!r} is no distribution, {did_you_mean(name, list(EXAMPLES))}')
        if not inside.endswith(')'):
            raise _refuse(name)
        if name == 'table':
            return cls._of_table(value, sorted(cls._read_table(inside[:-1].strip())))
        return cls(value, _MAKERS[name](cls._read_arguments(name, inside[:-1])))

    @classmethod
    def _of_table(cls, text: str, numbers: Sequence[float]) -> Distribution:
        return cls(text, lambda share: numbers[int(share * len(numbers))], numbers)

    def __reduce__(self) -> tuple[Callable[..., Distribution], tuple[Any, ...]]:
        return (self._of_table, (self.text, self._numbers)) if self._numbers else (self.parse, (self.text,))

    def draw(self, random: Random) -> float:
        """Return the next number."""
        return min(max(self._quantile(random.random()), 0.0), LARGEST)

    @classmethod
    def _read_arguments(cls, name: str, inside: str) -> dict[str, float]:
        numbers: dict[str, float] = {}
        for argument in inside.split(','):
            key, equals, number = argument.partition('=')
            key = key.strip()
            if not equals or key in numbers:
                raise _refuse(name)
            numbers[key] = cls._read_number(number, f'{key} of {name}')
        return numbers

    @classmethod
    def _read_table(cls, path: str) -> list[float]:
        """Return the numbers in a file, one on each line; lines that begin with ``#`` are comments."""
        if not _may_read.get():
            raise ValueError('only flags, files and programs can name a file, not a request')
        try:
            text = read_file(path, MAX_TABLE).decode()
        except (OSError, ValueError) as error:
            reason = getattr(error, 'strerror', None) or 'not UTF-8'
            raise ValueError(f'cannot read {path}: {reason}') from None
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
        numbers = [
            cls._read_number(line, f'{path}:{number}') for number, line in lines if line and not line.startswith('#')
        ]
        if not numbers:
            raise ValueError(f'there is no number in {path}')
        return numbers

    @classmethod
    def _read_number(cls, text: str, where: str) -> float:
        try:
            return float(convert(text.strip(), Annotated[float, Meta(ge=0), cls.unit], text=True))
        except OptionError as error:
            raise ValueError(f'{where}: {error.description}') from None


class DrawnSeconds(Distribution):
    """A distribution of seconds."""

    unit = SECONDS


class DrawnMilliseconds(Distribution):
    """A distribution of milliseconds."""

    unit = MILLISECONDS


def draw(value: float | Distribution, find_random: Callable[[], Random]) -> float:
    """Return *value*; of a distribution the next number. Random numbers are large, so they are found when needed."""
    return value.draw(find_random()) if isinstance(value, Distribution) else value


def _refuse(name: str) -> ValueError:
    return ValueError(f'expected a distribution such as {EXAMPLES[name]}')


def _make_uniform(numbers: Mapping[str, float]) -> Quantile:
    low, high = _take(numbers, 'uniform', 'min', 'max')
    if low > high:
        raise ValueError('min has to be below max')
    return lambda share: low + (high - low) * share


def _make_normal(numbers: Mapping[str, float]) -> Quantile:
    mean, deviation = _take(numbers, 'normal', 'mean', 'sd')
    return lambda share: mean + deviation * _find_normal(share)


def _make_lognormal(numbers: Mapping[str, float]) -> Quantile:
    return _fit('lognormal', numbers, _find_normal)


def _make_pareto(numbers: Mapping[str, float]) -> Quantile:
    return _fit('pareto', numbers, lambda share: -log1p(-share))


_MAKERS: dict[str, Callable[[Mapping[str, float]], Quantile]] = {
    'lognormal': _make_lognormal,
    'normal': _make_normal,
    'pareto': _make_pareto,
    'uniform': _make_uniform,
}


def _take(numbers: Mapping[str, float], name: str, *keys: str) -> list[float]:
    if numbers.keys() != set(keys):
        raise _refuse(name)
    return [numbers[key] for key in keys]


def _find_normal(share: float) -> float:
    """Return the quantile of the normal distribution with mean 0 and standard deviation 1."""
    return _get_standard().inv_cdf(max(share, 2.0**-54))  # Random.random may return 0, and nothing else below this


@cache
def _get_standard() -> NormalDist:
    """Return that distribution."""
    from statistics import NormalDist  # late: few draw from it

    return NormalDist()


def _fit(name: str, numbers: Mapping[str, float], find: Quantile) -> Quantile:
    """Return the distribution whose logarithm is that of *find*, stretched and moved, through two percentiles.

    That of a log-normal distribution is a normal one, and that of a Pareto distribution an exponential one, which has a
    least value, too.
    """
    points = sorted((_read_share(name, key), key, number) for key, number in numbers.items())
    if len(points) != 2:
        raise _refuse(name)
    (share, key, number), (other_share, other_key, other) = points
    if not 0 < number < other or share == other_share:
        raise ValueError(f'{key} has to be above 0 and below {other_key}')
    begin = find(share)
    slope = log(other / number) / (find(other_share) - begin)
    return lambda share: number * exp(min(slope * (find(share) - begin), 100.0))


def _read_share(name: str, key: str) -> float:
    """Return the share of the draws that are below the percentile *key*, such as p99."""
    found = _PERCENTILE.fullmatch(key)
    share = 0.0 if found is None else float(found[1]) / 100
    if not share and (name, key) != ('pareto', 'min'):
        raise _refuse(name)
    return share
