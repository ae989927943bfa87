"""A process that has users: it sets the test up, runs cycle after cycle, and tears the test down."""

from __future__ import annotations

import os
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any

from vaurien.explore.model import Explored, Failure
from vaurien.loads.case import SERVER_URL
from vaurien.loads.discovery import FoundTest, find_test
from vaurien.loads.stats import Outcome, TestStats
from vaurien.loads.users.case_hits import CaseHits, SkippedHits
from vaurien.loads.users.command_hits import CommandHits
from vaurien.loads.users.connections import Connections
from vaurien.loads.users.exploring_proxy import ExploringProxy
from vaurien.loads.users.fault_proxy import FaultProxy
from vaurien.loads.users.fixtures import Fixtures
from vaurien.loads.users.locust_recorder import LocustRecorder
from vaurien.loads.users.run import Run
from vaurien.loads.users.user import Hits, LoadsUser

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.runners import Runner

    from vaurien.loads.plan import Cycle, Plan

#: Seconds that a hit may go on after the time is up, before it is cut off.
GRACE = 1.0
#: Seconds that the clean-up of hits that are cut off may take.
CLEAN_UP = 3.0


class UserProcess:
    """The share of one process in a run: set up once, then run for each cycle, then torn down."""

    def __init__(
        self, environment: Environment, runner: Runner, plan: Plan, *, agent: str = '', number: int = 0
    ) -> None:
        """*agent* is the name of this process among the agents of the run, and *number* its index, from 0."""
        self.plan = plan
        self.stats = TestStats()
        self._environment = environment
        self._runner = runner
        self._agent = agent
        self._number = number
        self._connections = Connections()
        self._fault_proxy: FaultProxy | None = None
        self._test: FoundTest | None = None
        self._stack = ExitStack()
        self._skipped = False
        self._users = 0
        self._first_user = 0
        self._hits: int | None = None
        self._deadline: float | None = None
        self._stopped = False

    def set_up(self) -> None:
        """Import the test and prepare all that it needs.

        Raises `ConfigError` or `SetupError`, and leaves nothing behind then.
        """
        plan = self.plan
        try:
            self._set_server_url(plan.server_url)  # also if empty: one that was exported long ago would get the load
            if plan.vaurien:
                kind = ExploringProxy if plan.explore else FaultProxy
                self._fault_proxy = self._stack.enter_context(kind(plan, self.stats, self._connections))
                self._set_server_url(self._fault_proxy.url)
            if not plan.test_runner:
                self._test = find_test(plan.test)
                fixtures = Fixtures(self._test)
                fixtures.set_up()
                self._skipped = fixtures.skipped
                self._stack.callback(self._tear_down_fixtures, fixtures)
        except BaseException:
            self.tear_down()
            raise
        name = self._test.case.__name__ if self._test else 'Command'
        user_class: Any = type(name, (LoadsUser,), {'owner': self, 'host': os.environ[SERVER_URL] or None})
        self._environment.user_classes[:] = [user_class]
        self._environment.stats.clear_all()
        self._environment.events.test_start.fire(environment=self._environment)

    def run(self, cycle: Cycle) -> None:
        """Run one cycle to its end, or until `stop`."""
        if self._stopped:
            return
        self._users = 0
        self._first_user = self._number * cycle.users
        self._hits = cycle.hits
        self._deadline = None if cycle.seconds is None else monotonic() + cycle.seconds
        (user_class,) = self._environment.user_classes
        # Not Locust's `start`: its dispatcher replaces users that are done, and there would be too many hits.
        self._runner.spawn_users({user_class.__name__: cycle.users})
        self._runner.update_state('running')
        users = self._runner.user_greenlets
        users.join(None if cycle.seconds is None else cycle.seconds + GRACE)
        users.kill(timeout=CLEAN_UP)

    def stop(self) -> None:
        """Cut off every hit and start no other, so that `run` returns."""
        self._stopped = True
        self._runner.user_greenlets.kill(timeout=CLEAN_UP)

    def conclude(self) -> Explored | None:
        """Return what was found out about faults; None if none were tried."""
        return self._fault_proxy.conclude() if isinstance(self._fault_proxy, ExploringProxy) else None

    def tear_down(self) -> None:
        """Undo `set_up`."""
        self._stack.close()

    def _set_server_url(self, url: str) -> None:
        self._stack.callback(os.environ.__setitem__, SERVER_URL, os.environ.get(SERVER_URL, ''))
        os.environ[SERVER_URL] = url

    def _tear_down_fixtures(self, fixtures: Fixtures) -> None:
        for failure in fixtures.tear_down():
            last = failure.rstrip().rpartition('\n')[2]
            self.stats.add_problem('error', f'tear down {last}', f'after the last hit: {last}', failure.strip)

    # What its users ask, see `Owner`.

    def next_user_number(self) -> int:
        self._users += 1
        return self._first_user + self._users - 1

    def is_over(self, done: int) -> bool:
        if self._stopped or (self._hits is not None and done >= self._hits):
            return True
        return self._deadline is not None and monotonic() >= self._deadline

    def make_hits(self, user: LoadsUser) -> Hits:
        recorder = LocustRecorder(user, self.stats)
        if self._test is None:
            return CommandHits(self.plan, self._agent, user.number, recorder, self.stats, self._connections)
        if self._skipped:
            return SkippedHits()
        return CaseHits(self._test, recorder, self.stats)

    def begin_hit(self, user: int) -> None:
        if self._fault_proxy is not None:
            self._fault_proxy.begin_hit(user)

    def end_hit(self, user: int, outcome: Outcome, seconds: float, failure: Failure | None) -> None:
        self.stats.end_hit(outcome, seconds)
        if self._fault_proxy is not None:
            self._fault_proxy.end_hit(user, outcome, failure)

    def cut_hit(self, user: int) -> None:
        self.stats.cut_hit()
        if self._fault_proxy is not None:
            self._fault_proxy.cut_hit(user)


class LocalRun(Run):
    """A run whose users are all in the process of the runner itself."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        runner = self.environment.create_local_runner()
        self._process = UserProcess(self.environment, runner, plan)
        self.stats = self._process.stats

    def execute(self) -> None:
        self._process.set_up()
        try:
            self.started = self.now()
            for cycle in self.plan.cycles:
                self._process.run(cycle)
            self.ended = self.now()
        finally:
            self._process.tear_down()

    def stop(self) -> None:
        self.interrupted = True
        self._process.stop()

    def conclude(self) -> Explored | None:
        """Return what was found out about faults; None if none were tried."""
        return self._process.conclude()
