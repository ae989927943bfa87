"""A plan carried out by agents, step by step, with agents that do what the test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from locust.env import Environment

from tests.loads.cluster.peers import FakeAgent, eventually, listening
from tests.loads.engine import in_engine
from tests.servers import TIMEOUT
from vaurien.errors import SetupError
from vaurien.loads.cluster import job as job_module, messages
from vaurien.loads.cluster.agents import Agents
from vaurien.loads.cluster.job import Job
from vaurien.loads.plan import Cycle, Plan

#: Two agents, two cycles.
PLAN = Plan(test='t.T.test', cycles=(Cycle(3, 4), Cycle(5, 4)), agents=2)


class Running:
    """A job that runs in a greenlet, and its agents."""

    def __init__(self, agents: Agents, plan: Plan) -> None:
        self.job = Job(agents, plan, b'files')
        self._agents = agents
        self._fakes: list[FakeAgent] = []
        self._greenlet = gevent.Greenlet(self._run)
        self._greenlet.start()
        self._error: SetupError | None = None

    def agent(self, name: str, **about: Any) -> FakeAgent:
        """Let an agent come."""
        fake = FakeAgent(self._agents.port, name, **about)
        self._fakes.append(fake)
        eventually(lambda: name in [agent.name for agent in self._agents.present.values()])
        return fake

    def wait(self) -> Job:
        """Return the job at its end. Raises what it raised."""
        self._greenlet.join(TIMEOUT)
        assert self._greenlet.ready()
        for fake in self._fakes:
            fake.close()
        if self._error is not None:
            raise self._error
        return self.job

    def _run(self) -> None:
        try:
            self.job.run()
        except SetupError as error:
            self._error = error


def run(test: Callable[[Running], None], plan: Plan = PLAN) -> None:
    """Run *test* with a job."""

    def call(environment: Environment) -> None:
        with listening(environment) as agents:
            test(Running(agents, plan))

    in_engine(call)


def set_up(*fakes: FakeAgent) -> None:
    """Let agents say that they are set up."""
    for fake in fakes:
        kind, content = fake.next_order()
        assert (kind, content['files'], content['plan']['test']) == (messages.SETUP, b'files', 't.T.test')
        fake.send(messages.READY)


def leave(*fakes: FakeAgent) -> None:
    """Let agents leave as they are ordered to."""
    for fake in fakes:
        assert fake.next_order()[0] == messages.END
        fake.send('quit')


def test_all_steps() -> None:
    def test(running: Running) -> None:
        job = running.job
        eventually(lambda: job.waiting == 'waiting for 2 agents, there are 0: none yet')
        beta = running.agent('beta')
        eventually(lambda: job.waiting == 'waiting for 2 agents, there are 1: beta')
        alpha = running.agent('alpha')
        eventually(lambda: job.waiting == 'setting up')
        assert job.started is None
        set_up(alpha, beta)
        for users in (3, 5):
            orders = [fake.next_order() for fake in (alpha, beta)]
            content = {'users': users, 'hits': 4, 'seconds': None}
            assert orders == [(messages.CYCLE, content | {'number': number}) for number in range(2)]
            assert job.waiting == ''
            alpha.report(success=users * 4)
            alpha.send(messages.DONE)
            beta.report(success=users * 4 - 1, failure=1)
            beta.send(messages.DONE)
        leave(alpha, beta)
        job = running.wait()
        assert (job.names, job.lost, job.stats.success, job.stats.failure) == (['alpha', 'beta'], [], 62, 2)
        assert job.started is not None
        assert job.ended is not None
        assert job.started <= job.ended

    run(test)


def test_agents_that_are_too_many_stay_idle() -> None:
    def test(running: Running) -> None:
        alpha = running.agent('alpha')
        set_up(alpha)
        spare = running.agent('spare')
        assert alpha.next_order()[0] == messages.CYCLE
        spare.report(success=100)  # of another run: not counted
        alpha.send(messages.DONE)
        leave(alpha)
        job = running.wait()
        assert (job.names, job.stats.success) == (['alpha'], 0)

    run(test, Plan(test='t.T.test', cycles=(Cycle(1, 1),), agents=1))


def test_an_agent_that_cannot_be_set_up() -> None:
    def test(running: Running) -> None:
        alpha, beta = running.agent('alpha'), running.agent('beta')
        set_up(alpha)
        beta.next_order()
        beta.send(messages.FAILED, {'why': 'cannot import t', 'details': 'Traceback'})
        leave(alpha, beta)
        with pytest.raises(SetupError, match='agent beta: cannot import t') as caught:
            running.wait()
        assert caught.value.details == 'Traceback'
        assert running.job.lost == []

    run(test)


@pytest.mark.parametrize(('no_patching', 'flag'), [(True, 'with'), (False, 'without')])
def test_agents_with_another_patching(no_patching: bool, flag: str) -> None:
    def test(running: Running) -> None:
        alpha = running.agent('alpha', no_patching=not no_patching)
        leave(alpha)
        with pytest.raises(SetupError, match=f'alpha: start agents {flag} --no-patching, as the runner is'):
            running.wait()

    run(test, Plan(test='t.T.test', cycles=(Cycle(1, 1),), agents=1, no_patching=no_patching))


def test_an_agent_that_is_lost() -> None:
    def test(running: Running) -> None:
        alpha, beta = running.agent('alpha'), running.agent('beta')
        set_up(alpha, beta)
        for fake in (alpha, beta):
            fake.next_order()
        beta.report(success=1)
        beta.send('quit')
        eventually(lambda: running.job.lost == ['beta'])
        alpha.send(messages.DONE)
        assert alpha.next_order()[0] == messages.CYCLE  # the second one is for the others alone
        alpha.send(messages.DONE)
        leave(alpha)
        job = running.wait()
        assert (job.names, job.lost, job.stats.success) == (['alpha', 'beta'], ['beta'], 1)

    run(test)


def test_stop() -> None:
    def test(running: Running) -> None:
        alpha, beta = running.agent('alpha'), running.agent('beta')
        set_up(alpha, beta)
        for fake in (alpha, beta):
            fake.next_order()
        running.job.stop()
        for fake in (alpha, beta):
            assert fake.next_order()[0] == messages.STOP
            fake.report(success=2, cut=1)
            fake.send(messages.DONE)
        leave(alpha, beta)  # without the second cycle
        job = running.wait()
        assert (job.interrupted, job.lost, job.stats.success, job.stats.cut) == (True, [], 4, 2)

    run(test)


def test_stop_before_there_are_agents() -> None:
    def test(running: Running) -> None:
        eventually(lambda: running.job.waiting)
        running.job.stop()
        job = running.wait()
        assert (job.names, job.stats.hits, job.waiting) == ([], 0, '')

    run(test)


def test_agents_that_do_not_stop_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, 'END_TIMEOUT', 0.05)
    monkeypatch.setattr(job_module, 'INTERVAL', 0.01)

    def test(running: Running) -> None:
        alpha, beta = running.agent('alpha'), running.agent('beta')
        set_up(alpha, beta)
        for fake in (alpha, beta):
            fake.next_order()
        running.job.stop()
        assert sorted(running.wait().lost) == ['alpha', 'beta']

    run(test)


def test_an_agent_that_could_not_be_started() -> None:
    def test(running: Running) -> None:
        eventually(lambda: running.job.waiting)
        running.job.fail(SetupError('agent local-1 could not be started'))
        with pytest.raises(SetupError, match='agent local-1 could not be started'):
            running.wait()

    run(test)
