"""The buckets of native histograms: every duration is within the bounds of its own."""

from __future__ import annotations

from math import inf, nextafter

import pytest
from hypothesis import given, strategies as st

from vaurien.records.exponential import FIRST, LAST, SCHEMA, find_bound, find_place, find_spans

ALL = range(FIRST, LAST + 1)


@given(st.floats(0, 1000) | st.floats(0, allow_infinity=True, allow_nan=False))
def test_a_duration_is_within_the_bounds_of_its_bucket(seconds: float) -> None:
    index = FIRST + find_place(seconds)
    assert index in ALL
    assert seconds <= find_bound(index) or index == LAST
    assert seconds > find_bound(index - 1) or index == FIRST


def test_a_bound_is_in_its_own_bucket() -> None:
    """As Prometheus has it."""
    assert [FIRST + find_place(find_bound(index)) for index in ALL] == list(ALL)
    assert [FIRST + find_place(nextafter(find_bound(index), inf)) for index in ALL] == [*ALL[1:], LAST]


def test_bounds_are_those_of_the_schema() -> None:
    assert SCHEMA == 3
    assert [find_bound(index) for index in (-120, -8, 0, 8, 48)] == [2.0**-15, 0.5, 1.0, 2.0, 64.0]
    for index in ALL:
        assert find_bound(index) / find_bound(index - 1) == pytest.approx(2 ** (1 / 8))


def test_there_are_only_so_many() -> None:
    """For a series, Prometheus' own libraries aim at 160."""
    assert len(ALL) < 170


def test_spans() -> None:
    assert find_spans([]) == []
    assert find_spans([-3, -2, -1]) == [(-3, 3)]
    assert find_spans([0]) == [(0, 1)]
    assert find_spans([-1, 1, 2, 10]) == [(-1, 1), (1, 2), (7, 1)]


@given(st.sets(st.sampled_from(ALL)))
def test_spans_have_all_indices(indices: set[int]) -> None:
    found: list[int] = []
    index = 0
    spans = find_spans(sorted(indices))
    for offset, length in spans:
        index += offset
        found += range(index, index + length)
        index += length
    assert found == sorted(indices)
    assert all(offset > 0 for offset, _ in spans[1:])
