"""A run whose master is a broker: what is here follows what happens there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from locust.runners import LocalRunner
from locust.stats import setup_distributed_stats_event_listeners

from vaurien.errors import SetupError
from vaurien.loads.cluster import messages
from vaurien.loads.plan import Plan
from vaurien.loads.stats import TestStats
from vaurien.loads.users.run import Run

if TYPE_CHECKING:
    from vaurien.loads.cluster.broker_client import Link

#: Seconds between two looks; and without an answer, until the broker counts as gone.
INTERVAL = 0.25
PATIENCE = 8.0


class RemoteRun(Run):
    """Either the broker is given a run, or the one it has is followed."""

    def __init__(self, plan: Plan, link: Link, *, attached: bool = False) -> None:
        """*attached*: the run is somebody else's; to `stop` is to look no longer."""
        super().__init__(plan)
        self._link = link
        self._attached = attached
        self._left = False
        self._users = 0
        self.environment._create_runner(_Mirror, self)
        setup_distributed_stats_event_listeners(self.environment.events, self.environment.stats)

    @property
    def users(self) -> int:
        return self._users

    def execute(self) -> None:
        heard, asked = time.monotonic(), 0.0
        while not self._left:
            now = time.monotonic()
            if now - asked > INTERVAL:
                self._link.say(messages.POLL, {})
                asked = now
            message = self._link.next(INTERVAL)
            if message is None:
                if now - heard > PATIENCE:
                    raise SetupError(f'the broker at {self._link.address} has gone')
                continue
            heard = time.monotonic()
            if message.type == messages.REPORT:
                self._add(message.data)
            elif message.type == messages.STATE and self._read(message.data):
                return

    def stop(self) -> None:
        self.interrupted = True
        if self._attached:
            self._left = True
        else:
            self._link.order(messages.HALT)

    def _add(self, data: Any) -> None:
        self.environment.events.worker_report.fire(client_id='', data=data)
        self.stats.add(TestStats.from_data(data['loads']))

    def _read(self, state: dict[str, Any]) -> bool:
        """Take over how it stands there; whether it is over."""
        self.agents, self.lost = state['agents'], state['lost']
        self.waiting, self._users = state['waiting'], state['users']
        # By this machine's clock.
        self.started = None if state['duration'] is None else self.started or self.now() - state['duration']
        self.environment.runner.update_state('ready' if self.started is None else 'running')
        if not state['over']:
            return False
        if state['failure']:
            raise SetupError(*state['failure'])
        if self.started is not None:
            self.ended = self.started + state['duration']
        self.interrupted = self.interrupted or state['interrupted']
        return True


class _Mirror(LocalRunner):
    """What Locust's reports look at."""

    def __init__(self, environment: Any, run: RemoteRun) -> None:
        super().__init__(environment)
        self._run = run

    @property
    def user_count(self) -> int:
        return self._run.users
