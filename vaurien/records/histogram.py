"""How often a behavior or toxic was applied, and a histogram of how long it held what it was applied to."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from operator import add

from vaurien.records.exponential import find_place

#: The upper bounds of the buckets, in seconds: from what a fast network takes to what no client waits for.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Counts hits, and the durations of those that were held."""

    __slots__ = ('_bounds', '_buckets', 'exponential', 'hits', 'seconds')

    def __init__(self, bounds: tuple[float, ...] = BOUNDS) -> None:
        """*bounds* are the upper bounds of the buckets, in seconds."""
        self._bounds = bounds
        #: How many exchanges, or chunks, it was applied to.
        self.hits = 0
        #: The sum of all durations.
        self.seconds = 0.0
        self._buckets = [0] * (len(bounds) + 1)
        #: How many durations are in each of the exponential buckets, by its place.
        self.exponential: defaultdict[int, int] = defaultdict(int)

    def count_hits(self, count: int = 1) -> None:
        """Count so many more hits."""
        self.hits += count

    def add(self, seconds: float) -> None:
        """Add the duration for which something was held."""
        self.seconds += seconds
        self._buckets[bisect_left(self._bounds, seconds)] += 1
        self.exponential[find_place(seconds)] += 1

    def merge(self, other: Histogram) -> None:
        """Count everything that *other* has counted, too."""
        self.hits += other.hits
        self.seconds += other.seconds
        self._buckets = list(map(add, self._buckets, other._buckets))
        for index, count in other.exponential.items():
            self.exponential[index] += count

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Return each upper bound with the number of durations up to it; the last bound is ``+Inf``."""
        return zip([*map(str, self._bounds), '+Inf'], accumulate(self._buckets), strict=True)
