"""Counts add up, stay small, and can be sent."""

from __future__ import annotations

import sys
import unittest

import msgspec
import pytest
from hypothesis import given, strategies as st

from vaurien.loads.stats import (
    MAX_COUNTERS,
    MAX_PROBLEMS,
    MAX_TRACEBACK,
    OTHERS,
    TestStats,
    format_exception,
    percentile,
    round_ms,
)


def filled(hits: int = 3) -> TestStats:
    stats = TestStats()
    for _ in range(hits):
        stats.end_hit('success', 0.25)
    stats.end_hit('error', 2.0)
    stats.count('orders', 2)
    stats.add_problem('error', 'key', 'it broke', lambda: 'at line 3')
    stats.faults['delay'] = 1
    stats.met['failed'] = 1
    return stats


def test_adding_up() -> None:
    total = filled()
    total.add(filled(2))
    assert (total.success, total.error, total.hits, total.seconds) == (5, 2, 7, 5.25)
    assert (total.times, total.counters) == ({250: 5, 2000: 2}, {'orders': 4})
    assert total.problems['key'].count == 2
    assert (total.faults, total.met) == ({'delay': 2}, {'failed': 2})


def test_a_journey() -> None:
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(filled().to_data()))
    assert TestStats.from_data(sent) == filled()


def test_taking_leaves_nothing() -> None:
    stats = filled()
    assert stats.take() == filled()
    assert stats == TestStats()


def test_what_is_kept_is_limited() -> None:
    stats = TestStats()
    for number in range(2 * MAX_PROBLEMS):
        stats.add_problem('error', f'key {number}', 'it broke', lambda: 'x' * 10 * MAX_TRACEBACK)
    for number in range(2 * MAX_COUNTERS):
        stats.count(f'counter {number}', 1)
    assert len(stats.problems) == MAX_PROBLEMS + 1
    assert stats.problems[OTHERS].count == MAX_PROBLEMS
    assert len(stats.problems['key 0'].traceback) < 2 * MAX_TRACEBACK
    assert (len(stats.counters), stats.counters[OTHERS]) == (MAX_COUNTERS + 1, MAX_COUNTERS)
    total = filled()
    total.add(stats)
    assert len(total.problems) == MAX_PROBLEMS + 1
    assert sum(problem.count for problem in total.problems.values()) == 2 * MAX_PROBLEMS + 1


def test_the_same_problem_is_one() -> None:
    stats = TestStats()
    for _ in range(3):
        try:
            raise ValueError(f'{object()} is none')
        except ValueError:
            stats.add_exception('error', sys.exc_info())  # type: ignore[arg-type]  # there is one
    (problem,) = stats.problems.values()
    assert problem.count == 3
    assert 'test_the_same_problem_is_one' in problem.traceback


@given(st.lists(st.floats(0, 100_000), min_size=1), st.sampled_from([0.01, 0.5, 0.9, 1.0]))
def test_percentiles_are_those_of_rounded_times(times: list[float], share: float) -> None:
    rounded = sorted(round_ms(one) for one in times)
    counts = {one: rounded.count(one) for one in rounded}
    rank = next(i for i in range(1, len(rounded) + 1) if i >= share * len(rounded) - 1e-9)
    assert percentile(counts, share) == rounded[rank - 1]


def test_no_times() -> None:
    assert percentile({}, 0.5) == 0


def test_faults_and_web_sockets() -> None:
    stats = TestStats()
    stats.add_fault('delay', stray=False)
    stats.add_fault('delay', stray=True)
    stats.end_meeting('retried')
    stats.open_websocket()
    stats.receive(5)
    stats.receive(3)
    stats.cut_hit()
    assert stats == TestStats(
        faults={'delay': 2}, stray_faults=1, met={'retried': 1}, websockets=1, websocket_bytes=8, cut=1
    )


def fail_deep_inside(case: unittest.TestCase) -> None:
    case.assertIsNone(3)  # noqa: PT009  # that is the point


def test_a_traceback_without_the_frames_of_unittest() -> None:
    stats = TestStats()
    for _ in range(2):
        try:
            fail_deep_inside(unittest.TestCase())
        except AssertionError:
            stats.add_exception('failure', sys.exc_info())  # type: ignore[arg-type]  # there is one
    ((key, problem),) = stats.problems.items()
    assert 'test_stats.py:' in key  # not the line in unittest/case.py, which is the same for every assertion
    assert 'in fail_deep_inside' in problem.traceback
    assert 'unittest/case.py' not in problem.traceback
    assert problem.traceback.endswith('AssertionError: 3 is not None')


def test_a_cause_is_shown_too() -> None:
    try:
        try:
            raise KeyError('the cause')
        except KeyError as error:
            raise ValueError('the effect') from error
    except ValueError:
        text = format_exception(sys.exc_info())  # type: ignore[arg-type]  # there is one
    assert text.index("KeyError: 'the cause'") < text.index('ValueError: the effect')


@pytest.mark.parametrize(
    ('milliseconds', 'rounded'), [(0, 0), (99.4, 99), (123, 120), (1239, 1200), (12_345, 12_000), (123_456, 123_000)]
)
def test_rounding(milliseconds: float, rounded: int) -> None:
    assert round_ms(milliseconds) == rounded
