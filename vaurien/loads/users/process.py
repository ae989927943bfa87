"""One process's part of a run: its test, its users, cycle after cycle."""

from __future__ import annotations

import os
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any

from vaurien.loads.case import SERVER_URL
from vaurien.loads.discovery import Test, find_test
from vaurien.loads.stats import TestStats
from vaurien.loads.users.case_hits import CaseHits, SkippedHits
from vaurien.loads.users.command_hits import CommandHits
from vaurien.loads.users.fault_proxy import FaultProxy
from vaurien.loads.users.fixtures import Fixtures
from vaurien.loads.users.user import Hits, LoadsUser

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.runners import Runner

    from vaurien.loads.plan import Cycle, Plan

#: Seconds that a hit may go on after the time is up, before it is cut off.
GRACE = 1.0
#: Seconds that the clean-up of hits that are cut off may take.
CLEAN_UP = 3.0


class Process:
    """Set up once, then as many cycles as the plan has, then torn down."""

    def __init__(
        self, environment: Environment, runner: Runner, plan: Plan, *, agent: str = '', number: int = 0
    ) -> None:
        """*agent* is the name of this process among others, *number* says the how-manieth it is."""
        self.plan = plan
        self.stats = TestStats()
        self.fault_proxy: FaultProxy | None = None
        self._environment = environment
        self._runner = runner
        self._agent = agent
        self._number = number
        self._test: Test | None = None
        self._stack = ExitStack()
        self._skipped = False
        self._users = 0
        self._cycle_offset = 0
        self._hits: int | None = None
        self._deadline: float | None = None
        self._stopped = False

    def set_up(self) -> None:
        """Import the test and prepare all it needs; raises `ConfigError` or `SetupError`, with nothing left behind."""
        plan = self.plan
        try:
            if plan.server_url:
                self._set_server_url(plan.server_url)
            if plan.vaurien:
                self.fault_proxy = self._stack.enter_context(FaultProxy(plan, self.stats))
                self._set_server_url(self.fault_proxy.url)
            if not plan.test_runner:
                self._test = find_test(plan.test)
                fixtures = Fixtures(self._test)
                fixtures.set_up()
                self._skipped = fixtures.skipped
                self._stack.callback(self._tear_down, fixtures)
        except BaseException:
            self.tear_down()
            raise
        name = self._test.case.__name__ if self._test else 'Command'
        user_class: Any = type(name, (LoadsUser,), {'process': self, 'host': os.environ.get(SERVER_URL)})
        self._environment.user_classes[:] = [user_class]
        self._environment.stats.clear_all()
        self._environment.events.test_start.fire(environment=self._environment)

    def run(self, cycle: Cycle) -> None:
        """Run one cycle to its end, or until `stop`."""
        if self._stopped:
            return
        self._users = 0
        self._hits = cycle.hits
        self._deadline = None if cycle.seconds is None else monotonic() + cycle.seconds
        (user_class,) = self._environment.user_classes
        self._cycle_offset = self._number * cycle.users
        self._runner.spawn_users({user_class.__name__: cycle.users})
        self._runner.update_state('running')
        users = self._runner.user_greenlets
        users.join(None if cycle.seconds is None else cycle.seconds + GRACE)
        users.kill(timeout=CLEAN_UP)

    def stop(self) -> None:
        """Cut every hit off, start no other; `run` returns."""
        self._stopped = True
        self._runner.user_greenlets.kill(timeout=CLEAN_UP)

    def tear_down(self) -> None:
        """Undo `set_up`."""
        self._stack.close()

    def _set_server_url(self, url: str) -> None:
        self._stack.callback(os.environ.__setitem__, SERVER_URL, os.environ.get(SERVER_URL, ''))
        os.environ[SERVER_URL] = url

    def _tear_down(self, fixtures: Fixtures) -> None:
        for told in fixtures.tear_down():
            last = told.rstrip().rpartition('\n')[2]
            self.stats.add_problem('error', f'tear down {last}', f'after the last hit: {last}', told.strip)

    # What users ask

    def next_user_number(self) -> int:
        """A number that no other user of this cycle has, on whichever agent."""
        self._users += 1
        return self._cycle_offset + self._users - 1

    def is_over(self, done: int) -> bool:
        """Whether a user that has run the test *done* times has done its part."""
        if self._stopped or (self._hits is not None and done >= self._hits):
            return True
        return self._deadline is not None and monotonic() >= self._deadline

    def make_hits(self, user: LoadsUser) -> Hits:
        """What that user does."""
        if self._test is None:
            return CommandHits(self.plan, self._agent, user, self.stats, self.fault_proxy)
        if self._skipped:
            return SkippedHits()
        return CaseHits(self._test, user, self.stats)
