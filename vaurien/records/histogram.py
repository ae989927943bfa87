"""What a behavior or a toxic has done, in numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

#: The upper bounds of the buckets that times are counted in, in seconds: from what a fast network takes to what no
#: client waits for.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meter:
    """How often it was applied, and for how long it held what it was applied to."""

    __slots__ = ('_buckets', 'hits', 'seconds')

    def __init__(self) -> None:
        self.hits = 0
        #: All times together.
        self.seconds = 0.0
        self._buckets = [0] * (len(BOUNDS) + 1)

    def note_held(self, seconds: float) -> None:
        """It has let go what it held for so long."""
        self.seconds += seconds
        self._buckets[bisect_left(BOUNDS, seconds)] += 1

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Each upper bound, and how many times were not above it; last of all ``+Inf``."""
        return zip([*map(str, BOUNDS), '+Inf'], accumulate(self._buckets), strict=True)
