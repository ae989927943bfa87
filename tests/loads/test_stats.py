"""What is counted adds up, stays small, and survives a journey."""

from __future__ import annotations

import sys

import msgspec
import pytest
from hypothesis import given, strategies as st

from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.report import Report, Requests
from vaurien.loads.stats import MAX_COUNTERS, MAX_PROBLEMS, MAX_TRACEBACK, OTHERS, TestStats, percentile, round_ms
from vaurien.loads.summary import draw_bar, summarize


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


def report(plan: Plan, stats: TestStats, **fields: object) -> Report:
    requests = Requests('', 'Aggregated', 12, 1, 10.0, {'50%': 9, '90%': 12, '95%': 12, '99%': 12, '100%': 12})
    given = {'started': 0.0, 'duration': 2.0, 'total': requests, 'requests': [], 'request_errors': []}
    return Report(plan=plan, stats=stats, **{**given, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('hits', 'stats', 'fields', 'status'),
    [
        (2, TestStats(success=2), {}, 0),
        (2, TestStats(success=1, skipped=1), {}, 0),
        (2, TestStats(success=1, failure=1), {}, 1),
        (2, TestStats(success=1, error=1), {}, 1),
        (2, TestStats(success=1), {}, 1),
        (None, TestStats(success=1), {}, 0),
        (2, TestStats(success=2), {'lost': ['alpha']}, 1),
        (2, TestStats(success=1), {'interrupted': True}, 130),
    ],
)
def test_exit_statuses(hits: int | None, stats: TestStats, fields: dict[str, object], status: int) -> None:
    seconds = None if hits else 1.0
    assert report(Plan(test='t', cycles=(Cycle(1, hits, seconds),)), stats, **fields).status == status


def test_a_plan_knows_how_much_there_is() -> None:
    plan = Plan(test='t', cycles=(Cycle(10, 20), Cycle(20, 20)), agents=2)
    assert (plan.hits, plan.seconds) == (1200, None)
    plan = Plan(test='t', cycles=(Cycle(10, None, 3.0), Cycle(20, None, 3.0)))
    assert (plan.hits, plan.seconds) == (None, 6.0)
    assert Plan.from_data(plan.to_data()) == plan


def test_the_summary() -> None:
    stats = filled()
    text = summarize(report(Plan(test='t', cycles=(Cycle(1, 5),)), stats, lost=['beta'], agents=['alpha', 'beta']))
    for part in ('Hits: 4\n', 'Approximate Average RPS: 6\n', 'Errors: 1\n', 'Missing: 1\nLost agents: beta\n'):
        assert part in text
    assert 'Counters:\n  orders: 2\n' in text
    assert text.endswith('1 x error: it broke\n    at line 3\n')


def test_the_bar() -> None:
    assert draw_bar(1.0) == '[===============================================]  100%'
    assert draw_bar(0.5) == '[=======================                        ]   50%'
    assert draw_bar(7.0) == draw_bar(1.0)
