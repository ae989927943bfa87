"""Percentiles by nearest rank: of times that were, none is made up between two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TypeVar

Number = TypeVar('Number', int, float)


def percentiles(ranked: Sequence[Number], *percents: int) -> Iterator[Number]:
    """One for each of *percents*, above 0, of what is sorted already and not empty."""
    for percent in percents:
        yield ranked[ceil(percent * len(ranked) / 100) - 1]
