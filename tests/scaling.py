"""How the time of something grows with its size."""

from __future__ import annotations

from collections.abc import Callable

#: A garbage collection, or whatever else the machine does, may fall into any of them.
ATTEMPTS = 3


def takes_linear_time(measure: Callable[[int], float], count: int) -> bool:
    """Tell whether eight times the *count* takes no more than 20 times as long; in quadratic time, it takes 64 times.

    *measure* returns the seconds of the processor for so many. The best of a few attempts counts.
    """
    few, many = (min(measure(number) for _ in range(ATTEMPTS)) for number in (count, 8 * count))
    return many < 20 * few
