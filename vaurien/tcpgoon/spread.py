"""Many times in a few: minimum, average, maximum, deviation, percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from vaurien.console.percentiles import percentiles


@dataclass(frozen=True)
class Spread:
    """Seconds; the deviation is that of the population, the percentiles are by nearest rank."""

    count: int
    min: float
    avg: float
    max: float
    dev: float
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread | None:
        """None of none."""
        if not seconds:
            return None
        ranked = sorted(seconds)
        average = fmean(ranked)
        deviation = pstdev(ranked, average)
        return cls(len(ranked), ranked[0], average, ranked[-1], deviation, *percentiles(ranked, 50, 90, 99))
