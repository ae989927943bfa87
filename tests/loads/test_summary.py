"""What people read at the end, and the bar that they see before."""

from __future__ import annotations

import pytest

from tests.loads.test_report import PERCENTILES, make_report
from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.report import RequestError, Requests
from vaurien.loads.stats import TestStats
from vaurien.loads.summary import NAME_WIDTH, SHOWN, draw_bar, summarize


def summary(stats: TestStats, plan: Plan | None = None, **fields: object) -> str:
    """The summary of a run of one hit, if there is no other plan."""
    return summarize(make_report(plan or Plan(test='t', cycles=(Cycle(1, 1),)), stats, **fields))


def test_all_parts() -> None:
    stats = TestStats(success=3, error=1, skipped=1, cut=2, counters={'orders': 2})
    stats.add_problem('error', 'key', 'it broke', lambda: 'at line 3')
    plan = Plan(test='t', cycles=(Cycle(1, 6),))
    text = summary(stats, plan, lost=['beta'], agents=['alpha', 'beta'], interrupted=True)
    parts = (
        'Hits: 5\n',
        'Approximate Average RPS: 6\n',
        'Average request time: 0.01s\n',
        'Success: 3\nErrors: 1\nFailures: 0\n',
        'Skipped: 1\nCut off: 2\nMissing: 1\nLost agents: beta\nInterrupted: this is what there is so far\n',
        'Counters:\n  orders: 2\n',
    )
    positions = [text.index(part) for part in parts]
    assert positions == sorted(positions)
    assert text.endswith('1 x error: it broke\n    at line 3\n')


def test_only_what_there_is() -> None:
    text = summary(TestStats(success=1))
    for label in ('Skipped', 'Cut off', 'Missing', 'Lost agents', 'Interrupted', 'Counters', 'Faults', 'Failed'):
        assert label not in text


@pytest.mark.parametrize(('stats', 'is_told'), [(TestStats(cut=3), True), (TestStats(success=1, cut=3), False)])
def test_no_hit_that_came_to_its_end(stats: TestStats, is_told: bool) -> None:
    plan = Plan(test='t', cycles=(Cycle(3, None, 1.0),))
    said = 'Cut off: 3\nNo hit came to its end: the server is silent, or a hit takes longer than the run\n'
    assert (said in summary(stats, plan)) is is_told
    assert 'No hit came' not in summary(stats, plan, interrupted=True)


def test_the_table() -> None:
    requests = [Requests('GET', f'/{"x" * number}', number, 0, 1.0, PERCENTILES) for number in range(1, 60)]
    *_, head, hits, total, first = (
        summary(TestStats(success=1), requests=requests).partition('\n  …')[0].splitlines()[: -SHOWN + 1]
    )
    assert head.split() == ['Times', 'in', 'ms', 'count', 'failed', '50%', '90%', '95%', '99%', '100%']
    assert hits.split()[:3] == ['hits', '1', '0']
    assert total.split() == ['requests', '12', '1', '9', '12', '12', '12', '12']
    assert first.split()[2:] == ['59', '0', '9', '12', '12', '12', '12']
    assert first[NAME_WIDTH - 1] == '…'  # the longest name, cut
    assert f'… and {59 - SHOWN} more\n' in summary(TestStats(success=1), requests=requests)


def test_problems() -> None:
    stats = TestStats(success=1)
    for number in range(SHOWN + 3):
        for _ in range(number + 1):
            stats.add_problem('error', f'key {number}', f'problem {number}', str)
    text = summary(stats)
    assert text.index(f'{SHOWN + 3} x error: problem {SHOWN + 2}') < text.index('4 x error: problem 3')
    assert '\n3 x error: problem 2' not in text
    assert text.endswith('… and 3 more kinds\n')


def test_failed_requests() -> None:
    errors = [RequestError('GET', '/a', 'refused', 1), RequestError('GET', '/b', '503', 9)]
    text = summary(TestStats(success=1), request_errors=errors)
    assert text.endswith('Failed requests:\n  9 x GET /b: 503\n  1 x GET /a: refused\n')


#: What a terminal would obey, a line of its own among it.
EVIL = 'a\x1b[2J\x9b31m\x7f\rb\nHits: 99'


def test_nothing_that_a_terminal_would_obey() -> None:
    stats = TestStats(success=1, counters={EVIL: 2})
    stats.add_problem('error', 'key', 'two\nlines\x1b', lambda: EVIL)
    requests, errors = [Requests('GET', EVIL, 1, 0, 1.0, PERCENTILES)], [RequestError('GET', EVIL, EVIL, 1)]
    text = summary(stats, requests=requests, request_errors=errors, lost=[EVIL])
    assert all(line.isprintable() for line in text.splitlines())
    assert [line for line in text.splitlines() if line.startswith('Hits: ')] == ['Hits: 1']
    assert '1 x error: two\nlines\\x1b\n' in text


def test_faults() -> None:
    plan = Plan(test='t', cycles=(Cycle(1, 1),), vaurien=('behavior=error',))
    assert 'Faults injected: none\nHits that met one: 0 (0 answered, 0 retried, 0 failed)\n' in summary(
        TestStats(success=1), plan
    )
    stats = TestStats(success=9, faults={'error': 2, 'delay': 4}, met={'answered': 4, 'failed': 1}, stray_faults=1)
    assert (
        'Faults injected: 4 delay, 2 error\nHits that met one: 5 (4 answered, 0 retried, 1 failed)\n'
        'Faults outside of any hit: 1\n'
    ) in summary(stats, plan)


@pytest.mark.parametrize(('share', 'filled', 'percent'), [(0.0, 0, 0), (0.5, 23, 50), (1.0, 47, 100), (7.0, 47, 100)])
def test_the_bar(share: float, filled: int, percent: int) -> None:
    assert draw_bar(share) == f'[{"=" * filled:47}] {percent:4}%'
