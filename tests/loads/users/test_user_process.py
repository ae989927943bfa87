"""A process that has users: exactly as many hits as asked for, and an end when it is time. Here without the command."""

from __future__ import annotations

import os
import time
import unittest
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from locust.env import Environment

from tests.loads.engine import in_engine
from tests.loop import in_loop
from vaurien.errors import ConfigError, SetupError
from vaurien.loads import TestCase
from vaurien.loads.case import SERVER_URL
from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.users import user_process
from vaurien.loads.users.user_process import LocalRun, UserProcess

#: What the cases note.
notes: list[Any] = []


class Cases(TestCase):
    """What users do."""

    __test__ = False
    server_url = 'http://of-the-class'

    def test_note(self) -> None:
        gevent.sleep(0)
        notes.append(self.server_url)

    def test_short(self) -> None:
        gevent.sleep(0.01)

    def test_endless(self) -> None:
        notes.append('begun')
        self.addCleanup(notes.append, 'cleaned up')
        gevent.sleep(3600)

    def test_stubborn(self) -> None:
        self.addCleanup(gevent.sleep, 3600)
        gevent.sleep(3600)


class Fixtures(unittest.TestCase):
    """Notes its fixtures; the second cannot be undone."""

    __test__ = False

    @classmethod
    def setUpClass(cls) -> None:
        notes.append('up')

    @classmethod
    def tearDownClass(cls) -> None:
        notes.append('down')
        raise RuntimeError('cannot clean up')

    def test_it(self) -> None:
        notes.append('test')


class Skips(Fixtures):
    """Is skipped."""

    @classmethod
    def setUpClass(cls) -> None:
        raise unittest.SkipTest('none of them')


class Fails(Fixtures):
    """Cannot be set up."""

    @classmethod
    def setUpClass(cls) -> None:
        raise RuntimeError('no database')


@pytest.fixture(autouse=True)
def _clean() -> None:
    notes.clear()


def plan(test: str, *cycles: Cycle, **settings: Any) -> Plan:
    return Plan(test=f'{__name__}.{test}', cycles=cycles, **settings)


def carry_out(wanted: Plan, meanwhile: Callable[[LocalRun], object] = lambda run: None) -> LocalRun:
    """Run a plan to its end, with *meanwhile* in a greenlet beside it."""

    def call() -> LocalRun:
        run = LocalRun(wanted)
        beside = gevent.Greenlet(meanwhile, run)
        beside.start()
        try:
            run.execute()
        finally:
            beside.kill()
            run.environment.runner.greenlet.kill()
        return run

    return in_loop(call)


def test_cycles() -> None:
    run = carry_out(plan('Cases.test_note', Cycle(3, 4), Cycle(2, 5)))
    assert (run.stats.hits, run.stats.success, len(notes)) == (22, 22, 22)
    assert run.report().status == 0
    assert run.progress() == 1


def test_a_cycle_that_lasts() -> None:
    run = carry_out(plan('Cases.test_short', Cycle(2, None, 0.2)))
    assert run.stats.hits == run.stats.success >= 2
    assert run.duration >= 0.2
    assert run.stats.cut == 0


def test_hits_that_go_on_when_the_time_is_up_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_process, 'GRACE', 0.05)
    run = carry_out(plan('Cases.test_endless', Cycle(2, None, 0.05)))
    assert (run.stats.hits, run.stats.cut, notes) == (0, 2, [*2 * ['begun'], *2 * ['cleaned up']])


def test_a_clean_up_that_takes_too_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_process, 'GRACE', 0.05)
    monkeypatch.setattr(user_process, 'CLEAN_UP', 0.05)
    began = time.monotonic()
    run = carry_out(plan('Cases.test_stubborn', Cycle(1, None, 0.05)))
    assert time.monotonic() - began < 60
    assert run.stats.hits == 0


def test_stop() -> None:
    def stop(run: LocalRun) -> None:
        while len(notes) < 2:
            gevent.sleep(0)
        run.stop()

    run = carry_out(plan('Cases.test_endless', Cycle(2, 3), Cycle(5, 1)), stop)
    assert (run.interrupted, run.stats.hits, run.stats.cut) == (True, 0, 2)  # and the second cycle has not begun
    assert run.report().status == 130


def test_fixtures() -> None:
    run = carry_out(plan('Fixtures.test_it', Cycle(2, 2), Cycle(1, 1)))
    assert notes == ['up', *5 * ['test'], 'down']
    (problem,) = run.stats.problems.values()
    assert problem.message == 'after the last hit: RuntimeError: cannot clean up'
    assert run.report().status == 1


def test_a_class_that_is_skipped() -> None:
    run = carry_out(plan('Skips.test_it', Cycle(2, 2)))
    assert (run.stats.skipped, run.stats.hits, notes, run.report().status) == (4, 4, [], 0)


@pytest.mark.parametrize(
    ('settings', 'error', 'text'),
    [
        ({'test': 'Fails.test_it'}, SetupError, 'setting up Fails failed'),
        ({'test': 'Fails.test_that'}, ConfigError, 'Fails has no test'),
        ({'test': 'Cases.test_note', 'vaurien': ('backend=a:1', 'behavior=eror')}, ConfigError, 'unknown behavior'),
    ],
)
def test_a_set_up_that_fails_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], error: type[Exception], text: str
) -> None:
    monkeypatch.setenv(SERVER_URL, 'http://before')
    wanted = plan(settings.pop('test'), Cycle(1, 1), server_url='http://during', **settings)
    with pytest.raises(error, match=text):
        carry_out(wanted)
    assert os.environ[SERVER_URL] == 'http://before'


def test_the_server_of_the_environment_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER_URL, 'http://forgotten')
    carry_out(plan('Cases.test_note', Cycle(1, 1)))
    assert notes == ['http://of-the-class']


def test_the_server_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER_URL, '')
    carry_out(plan('Cases.test_note', Cycle(1, 1)))
    carry_out(plan('Cases.test_note', Cycle(1, 1), server_url='http://of-the-plan'))
    carry_out(plan('Cases.test_note', Cycle(1, 1)))
    assert notes == ['http://of-the-class', 'http://of-the-plan', 'http://of-the-class']


def test_numbers_of_users_differ_from_agent_to_agent() -> None:
    wanted = plan('Cases.test_note', Cycle(2, 1), Cycle(3, 1), agents=2)

    def call(environment: Environment) -> list[list[int]]:
        numbers = []
        runner = environment.create_local_runner()
        processes = [UserProcess(environment, runner, wanted, number=number) for number in range(2)]
        for cycle in wanted.cycles:
            for process in processes:
                process.set_up()
                process.run(cycle)
                numbers.append([process.next_user_number() for _ in range(cycle.users)])
                process.tear_down()
        return numbers

    # The users of a cycle took the first ones, so these are as many further on.
    assert in_engine(call) == [[2, 3], [4, 5], [3, 4, 5], [6, 7, 8]]
