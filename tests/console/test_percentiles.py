"""Many values in a few."""

from __future__ import annotations

from statistics import fmean, pstdev

import pytest
from hypothesis import given, strategies as st

from vaurien.console.percentiles import Spread, percentiles


def test_of_eight() -> None:
    spread = Spread.of([0.2, 0.4, 0.4, 0.4, 0.5, 0.5, 0.7, 0.9])
    assert spread is not None
    assert (spread.count, spread.min, spread.max) == (8, 0.2, 0.9)
    assert (spread.avg, spread.dev) == pytest.approx((0.5, 0.2))
    assert (spread.p50, spread.p90, spread.p99) == (0.4, 0.9, 0.9)


def test_of_one_and_none() -> None:
    assert Spread.of([]) is None
    assert Spread.of([0.25]) == Spread(1, 0.25, 0.25, 0.25, 0.0, 0.25, 0.25, 0.25)


@pytest.mark.parametrize(
    ('values', 'expected'),
    [([3, 1, 2], (2, 3, 3)), (range(1, 101), (50, 90, 99)), (range(1, 1001), (500, 900, 990))],
)
def test_percentiles_are_by_nearest_rank(values: list[int], expected: tuple[int, ...]) -> None:
    spread = Spread.of(values)
    assert spread is not None
    assert (spread.p50, spread.p90, spread.p99) == expected
    assert tuple(percentiles(sorted(values), 50, 90, 99)) == expected


@given(st.lists(st.integers(0, 10**12), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    (found,) = percentiles(sorted(values), percent)
    assert 100 * sum(value <= found for value in values) >= percent * len(values)
    assert 100 * sum(value < found for value in values) < percent * len(values)


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_average_and_deviation_are_those_of_statistics(values: list[float]) -> None:
    spread = Spread.of(values)
    assert spread is not None
    assert spread.avg == pytest.approx(fmean(values))
    assert spread.dev == pytest.approx(pstdev(values), abs=1e-6)
