"""The exit status of a run, and its results as data."""

from __future__ import annotations

import json

import msgspec
import pytest

from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.report import Report, RequestError, Requests
from vaurien.loads.stats import TestStats

PERCENTILES = {'50%': 9, '90%': 12, '95%': 12, '99%': 12, '100%': 12}


def make_report(plan: Plan, stats: TestStats, **fields: object) -> Report:
    """A report of two seconds with twelve requests, one of which failed."""
    requests = Requests('', 'Aggregated', 12, 1, 10.0, PERCENTILES)
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
        (None, TestStats(success=1, cut=3), {}, 0),
        (None, TestStats(skipped=1), {}, 0),
        (None, TestStats(cut=3), {}, 1),
        (None, TestStats(), {}, 1),
        (None, TestStats(cut=3), {'interrupted': True}, 130),
        (2, TestStats(success=2), {'lost': ['alpha']}, 1),
        (2, TestStats(success=1), {'interrupted': True}, 130),
    ],
)
def test_exit_statuses(hits: int | None, stats: TestStats, fields: dict[str, object], status: int) -> None:
    seconds = None if hits else 1.0
    assert make_report(Plan(test='t', cycles=(Cycle(1, hits, seconds),)), stats, **fields).status == status


@pytest.mark.parametrize(('kind', 'status'), [('error', 1), ('failure', 1), ('warning', 0)])
def test_a_problem_that_belongs_to_no_hit(kind: str, status: int) -> None:
    stats = TestStats(success=1)
    stats.add_problem(kind, 'key', 'after the last hit', str)
    assert make_report(Plan(test='t', cycles=(Cycle(1, 1),)), stats).status == status


def test_requests_per_second() -> None:
    plan = Plan(test='t', cycles=(Cycle(1, 1),))
    assert make_report(plan, TestStats()).rps == 6
    assert make_report(plan, TestStats(), duration=0.0).rps == 0


def test_data() -> None:
    stats = TestStats(success=3, failure=1, cut=1, times={250: 3, 1000: 1}, websockets=2, websocket_bytes=10)
    stats.add_problem('failure', 'rare', 'once', str)
    for _ in range(2):
        stats.add_problem('warning', 'often', 'twice', lambda: 'at line 3')
    errors = [RequestError('GET', '/', 'ConnectionError', 1)]
    plan = Plan(test='t', cycles=(Cycle(1, 6),), agents=1)
    data = make_report(plan, stats, request_errors=errors, agents=['alpha'], lost=['alpha']).to_data()
    assert Plan.from_data(json.loads(msgspec.json.encode(data))['plan']) == plan
    assert (data['test'], data['status'], data['hits'], data['missing'], data['cut_off']) == ('t', 1, 4, 2, 1)
    assert data['hit_times_ms'] == {'50%': 250, '90%': 1000, '95%': 1000, '99%': 1000, '100%': 1000}
    assert data['total'] == {
        'method': '',
        'name': 'Aggregated',
        'count': 12,
        'failed': 1,
        'average': 10.0,
        'percentiles': PERCENTILES,
    }
    assert data['request_errors'] == [{'method': 'GET', 'name': '/', 'error': 'ConnectionError', 'count': 1}]
    assert data['websockets'] == {'opened': 2, 'bytes_received': 10}
    assert [problem['message'] for problem in data['problems']] == ['twice', 'once']
    assert (data['agents'], data['lost']) == (['alpha'], ['alpha'])
