"""The buckets of Prometheus' native histograms, whose upper bounds grow exponentially.

https://prometheus.io/docs/specs/native_histograms describes them. A bucket is known by its index, and only buckets in
which something was counted are kept: most durations are within a few powers of two.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from math import pow
from typing import NamedTuple

#: Each power of two has ``2 ** SCHEMA`` buckets. A bound is 9 % above the last one: no quantile is further off.
SCHEMA = 3

_PER_POWER = 1 << SCHEMA

#: The indices of the first and of the last bucket, from 31 µs, which a backend in memory takes on the same machine, to
#: 64 s, the longest that clients usually wait. So a series has 168 buckets at most, and never needs coarser ones. The
#: first is what Prometheus calls the zero bucket, for all that is shorter; what is longer is counted in the last.
FIRST, LAST = -15 * _PER_POWER, 6 * _PER_POWER


def find_bound(index: int) -> float:
    """Return the upper bound of a bucket, in seconds, which is in the bucket itself."""
    return pow(2, index / _PER_POWER)


#: Returns which bucket a duration is in, by its place among all: that of the index `FIRST` has the place 0.
find_place = partial(bisect_left, tuple(map(find_bound, range(FIRST, LAST))))


class Span(NamedTuple):
    """Some buckets without a gap between them."""

    #: How many buckets are left out before it; that of the first one is the index of its first bucket.
    offset: int
    length: int


def find_spans(indices: list[int]) -> list[Span]:
    """Return the spans that buckets of these *indices*, which are in order, make together."""
    spans: list[Span] = []
    end = 0
    for index in indices:
        if spans and index == end:
            spans[-1] = Span(spans[-1].offset, spans[-1].length + 1)
        else:
            spans.append(Span(index - end, 1))
        end = index + 1
    return spans
