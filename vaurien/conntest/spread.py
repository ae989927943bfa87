"""Many times in a few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vaurien.console.percentiles import percentiles


class Spread(NamedTuple):
    """Nanoseconds; the percentiles are by nearest rank."""

    average: int
    min: int
    p50: int
    p90: int
    p99: int
    max: int

    @classmethod
    def of(cls, times: Sequence[int]) -> Spread | None:
        """None of none."""
        if not times:
            return None
        ranked = sorted(times)
        p50, p90, p99 = percentiles(ranked, 50, 90, 99)
        return cls(sum(ranked) // len(ranked), ranked[0], p50, p90, p99, ranked[-1])


def format_ms(nanoseconds: int) -> str:
    """Milliseconds, to the microsecond: ``1.234 ms``."""
    return f'{nanoseconds / 1e6:.3f} ms'
