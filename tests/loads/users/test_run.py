"""What outputs see of a run, wherever its users are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.users import run as run_module
from vaurien.loads.users.run import Run


class StillRun(Run):
    """A run whose clock the test turns, and that has Locust's runner without users."""

    clock = 1000.0

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.environment.create_local_runner()

    def now(self) -> float:
        return self.clock


@pytest.fixture
def run() -> Iterator[StillRun]:
    """A run of twenty hits."""
    run = StillRun(Plan(test='t', cycles=(Cycle(2, 10),), server_url='http://server'))
    yield run
    run.environment.runner.greenlet.kill()


def request(run: Run, name: str, milliseconds: float, error: Exception | None = None) -> None:
    run.environment.events.request.fire(
        request_type='GET',
        name=name,
        response_time=milliseconds,
        response_length=1,
        exception=error,
        context={},
    )


def test_duration(run: StillRun) -> None:
    assert run.duration == 0
    run.started = 1000.0
    run.clock = 1003.0
    assert run.duration == 3
    run.ended = 1002.0
    assert run.duration == 2
    run.started = 1004.0  # the clock was set back
    assert run.duration == 0


def test_progress_by_hits(run: StillRun) -> None:
    assert run.progress() == 0
    run.stats.end_hit('success', 0.1)
    assert run.progress() == 0.05


def test_progress_by_time(run: StillRun) -> None:
    run.plan = Plan(test='t', cycles=(Cycle(1, None, 2.0), Cycle(2, None, 2.0)))
    run.started = 1000.0
    run.clock = 1001.0
    assert run.progress() == 0.25
    run.clock = 1009.0
    assert run.progress() == 1


def test_the_report(run: StillRun) -> None:
    request(run, '/b', 10)
    request(run, '/a', 30, ConnectionError('refused'))
    request(run, '/b', 20)
    run.started, run.clock = 1000.0, 1002.0
    run.agents, run.lost, run.interrupted = ['alpha'], ['alpha'], True
    report = run.report()
    assert (report.started, report.duration, report.rps) == (1000.0, 2.0, 1.5)
    assert [(one.method, one.name, one.count, one.failed) for one in report.requests] == [
        ('GET', '/a', 1, 1),
        ('GET', '/b', 2, 0),
    ]
    assert (report.total.count, report.total.average, report.total.percentiles['100%']) == (3, 20, 30)
    (error,) = report.request_errors
    assert (error.method, error.name, error.count) == ('GET', '/a', 1)
    assert 'refused' in error.error
    assert (report.agents, report.lost, report.status) == (['alpha'], ['alpha'], 130)


def test_problems_are_exceptions_of_locust(run: StillRun) -> None:
    run.agents = ['alpha']
    run.stats.add_problem('error', 'key', 'it broke', lambda: 'at line 3')
    run.publish_problems()
    (shown,) = run.environment.runner.exceptions.values()
    assert shown == {'count': 1, 'msg': 'error: it broke', 'traceback': 'at line 3', 'nodes': {'alpha'}}


def test_one_point_a_second_for_the_charts(run: StillRun, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(['10:00:00', '10:00:00', '10:00:01'])
    history = run.environment.stats.history
    monkeypatch.setattr(run_module, 'update_stats_history', lambda runner: history.append({'time': next(times)}))
    run.note_history()
    assert history == []  # not before the start
    run.started = 1000.0
    for _ in range(3):
        run.note_history()
    assert [point['time'] for point in history] == ['10:00:00', '10:00:01']
