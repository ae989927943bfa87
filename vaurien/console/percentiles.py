"""Percentiles of many values, and their spread.

Percentiles are by nearest rank: each is one of the values, and none lies between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, fsum, sqrt

from msgspec import Struct


def percentiles(ranked: Sequence[float], *percents: int) -> Iterator[float]:
    """Yield a percentile of *ranked*, which is sorted and not empty, for each of *percents*, from 1 to 100."""
    for percent in percents:
        yield ranked[ceil(percent * len(ranked) / 100) - 1]


class Spread(Struct, frozen=True):
    """A summary of many values, in their unit. The deviation is that of the population."""

    count: int
    min: float
    avg: float
    max: float
    dev: float
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return the spread of *values*, None if there are none."""
        if not values:
            return None
        ranked = sorted(values)
        count = len(ranked)
        average = fsum(ranked) / count
        deviation = sqrt(fsum((value - average) ** 2 for value in ranked) / count)
        return cls(count, ranked[0], average, ranked[-1], deviation, *percentiles(ranked, 50, 90, 99))
