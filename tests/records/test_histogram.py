"""Hits, and how long they were held: every duration is in the buckets from the first that is large enough."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from vaurien.records.histogram import BOUNDS, Histogram


def test_empty() -> None:
    histogram = Histogram()
    assert (histogram.hits, histogram.seconds) == (0, 0.0)
    assert dict(histogram.buckets()) == dict.fromkeys([*map(str, BOUNDS), '+Inf'], 0)


def test_hits_are_counted_apart_from_durations() -> None:
    """What was dropped, or answered by an error, was hit, and held for no time that is of interest."""
    histogram = Histogram()
    histogram.count_hits()
    histogram.count_hits(3)
    histogram.count_hits(0)
    assert (histogram.hits, list(histogram.buckets())[-1]) == (4, ('+Inf', 0))


@pytest.mark.parametrize('bound', BOUNDS)
def test_a_bound_is_in_its_own_bucket(bound: float) -> None:
    """As Prometheus has it: ``le`` means less or equal."""
    histogram = Histogram()
    histogram.add(bound)
    buckets = dict(histogram.buckets())
    assert [label for label, count in buckets.items() if not count] == [str(one) for one in BOUNDS if one < bound]


def test_what_is_longer_than_every_bound() -> None:
    histogram = Histogram()
    histogram.add(1e6)
    assert [count for _, count in histogram.buckets()] == [0] * len(BOUNDS) + [1]


def test_bounds_are_in_order() -> None:
    assert list(BOUNDS) == sorted({*BOUNDS})


@given(st.lists(st.floats(0, 100)))
def test_buckets_add_up(durations: list[float]) -> None:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    counts = [sum(duration <= bound for duration in durations) for bound in (*BOUNDS, float('inf'))]
    assert [count for _, count in histogram.buckets()] == counts
    assert histogram.seconds == pytest.approx(sum(durations))
    assert sum(histogram.exponential.values()) == len(durations)


@given(st.lists(st.floats(0, 100)), st.lists(st.floats(0, 100)))
def test_merged_it_has_what_both_have_counted(durations: list[float], others: list[float]) -> None:
    histogram, other, both = Histogram(), Histogram(), Histogram()
    for duration in durations:
        histogram.add(duration)
    for duration in others:
        other.add(duration)
    for duration in durations + others:
        both.add(duration)
    histogram.merge(other)
    assert list(histogram.buckets()) == list(both.buckets())
    assert histogram.exponential == both.exponential
    assert histogram.seconds == pytest.approx(both.seconds)
    assert sum(other.exponential.values()) == len(others)  # and what was added is as before
