"""A run whose master is a broker, as the runner follows it; the test plays the broker."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from locust.rpc import Message
from locust.stats import RequestStats

from tests.loop import in_loop
from tests.servers import TIMEOUT
from vaurien.address import Address
from vaurien.errors import SetupError
from vaurien.loads.cluster import heartbeats, messages, remote_run
from vaurien.loads.cluster.remote_run import RemoteRun
from vaurien.loads.plan import Cycle, Plan

PLAN = Plan(test='t', cycles=(Cycle(2, 5),), agents=2)
#: The state of a run that goes on.
RUNNING: dict[str, Any] = {
    'agents': ['alpha', 'beta'],
    'lost': [],
    'waiting': '',
    'users': 4,
    'age': 2.0,
    'duration': 2.0,
    'over': False,
    'interrupted': False,
    'failure': None,
}


class FakeBroker:
    """Sends what the test wrote; keeps what it is sent. *then* is called before each message."""

    address = Address('localhost', 5557)

    def __init__(self, *script: tuple[str, Any], then: Callable[[int], object] = lambda number: None) -> None:
        self.received: list[str] = []
        self._script = [*script]
        self._then = then
        self._number = 0

    def send(self, kind: str, content: Any) -> None:
        self.received.append(kind)

    def order(self, kind: str, content: Any = None) -> None:
        self.received.append(kind)

    def receive(self, timeout: float) -> Message | None:
        self._then(self._number)
        self._number += 1
        return Message(*self._script.pop(0), 'broker') if self._script else None


def report(**counts: Any) -> tuple[str, Any]:
    """A report of ten requests and some *counts*."""
    stats = RequestStats()
    for _ in range(10):
        stats.log_request('GET', '/', 20, 2)
    data = {'stats': [entry.serialize() for entry in stats.entries.values()], 'errors': {}}
    return messages.REPORT, {**data, 'stats_total': stats.total.serialize(), 'loads': counts}


def follow(broker: FakeBroker, *, attached: bool = False, prepare: Callable[[RemoteRun], object] = id) -> RemoteRun:
    """Follow a run to its end."""

    def call() -> RemoteRun:
        run = RemoteRun(PLAN, broker, 3, attached=attached)  # type: ignore[arg-type]
        prepare(run)
        try:
            run.execute()
        finally:
            run.environment.runner.greenlet.kill()
        return run

    return in_loop(call)


def test_a_run_to_its_end() -> None:
    seen: list[tuple[str, float | None, int]] = []
    runs: list[RemoteRun] = []

    def look(number: int) -> None:
        (run,) = runs
        seen.append((run.waiting, run.started, run.users))

    waiting = RUNNING | {'waiting': 'setting up', 'users': 0, 'age': None, 'duration': None}
    over = RUNNING | {'over': True, 'users': 0, 'duration': 3.0, 'lost': ['beta']}
    script = [(messages.STATE, waiting), (messages.STATE, RUNNING), report(success=10), (messages.STATE, over)]
    run = follow(FakeBroker(*script, then=look), prepare=runs.append)
    assert [(told, users) for told, _, users in seen] == [('', 0), ('setting up', 0), ('', 4), ('', 4)]
    assert [started is not None for _, started, _ in seen] == [False, False, True, True]
    assert run.duration == pytest.approx(3.0)
    result = run.report()
    assert (result.stats.success, result.total.count, result.total.average) == (10, 10, 20)
    assert (result.agents, result.lost, result.status) == (['alpha', 'beta'], ['beta'], 1)


def test_a_run_that_is_over_for_long() -> None:
    run = follow(FakeBroker((messages.STATE, RUNNING | {'over': True, 'age': 3600.0})), attached=True)
    result = run.report()
    assert result.started == pytest.approx(run.now() - 3600, abs=TIMEOUT)
    assert result.duration == pytest.approx(2)


def test_reports_add_up() -> None:
    over = RUNNING | {'over': True}
    run = follow(FakeBroker(report(success=4), report(success=5, failure=1), (messages.STATE, over)))
    assert (run.stats.success, run.stats.failure, run.report().total.count) == (9, 1, 20)


def test_a_run_that_failed() -> None:
    over = RUNNING | {'over': True, 'failure': ['agent alpha: cannot import t', 'Traceback']}
    with pytest.raises(SetupError, match='agent alpha: cannot import t') as caught:
        follow(FakeBroker((messages.STATE, over)))
    assert caught.value.details == 'Traceback'


def test_a_run_that_somebody_interrupted() -> None:
    over = RUNNING | {'over': True, 'interrupted': True}
    assert follow(FakeBroker((messages.STATE, over))).report().status == 130


def test_a_broker_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, 'MAX_STEP', 10**9)
    clock = iter(range(1000))
    monkeypatch.setattr(remote_run, 'time', SimpleNamespace(monotonic=lambda: float(next(clock))))
    with pytest.raises(SetupError, match='the broker at localhost:5557 has gone'):
        follow(FakeBroker((messages.STATE, RUNNING)))


def test_stop() -> None:
    broker = FakeBroker(*3 * [(messages.STATE, RUNNING)], (messages.STATE, RUNNING | {'over': True}))
    run = follow(broker, prepare=lambda run: run.stop())
    assert (run.interrupted, messages.HALT in broker.received) == (True, True)


def test_leaving_a_run_that_is_not_ours() -> None:
    broker = FakeBroker(*3 * [(messages.STATE, RUNNING)])
    run = follow(broker, attached=True, prepare=lambda run: run.stop())
    assert (run.interrupted, broker.received) == (True, [])
