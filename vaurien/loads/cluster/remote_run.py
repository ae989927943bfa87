"""A run whose master is a broker; the runner follows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from locust.runners import LocalRunner
from locust.stats import setup_distributed_stats_event_listeners

from vaurien.errors import SetupError
from vaurien.loads.cluster import messages
from vaurien.loads.cluster.heartbeats import Heartbeats
from vaurien.loads.plan import Plan
from vaurien.loads.stats import TestStats
from vaurien.loads.users.run import Run

if TYPE_CHECKING:
    from vaurien.loads.cluster.broker_client import BrokerClient

#: Seconds between two questions for the state of the run.
INTERVAL = 0.25


class RemoteRun(Run):
    """A run that a broker was given, or one that it had already."""

    def __init__(self, plan: Plan, broker: BrokerClient, heartbeat_timeout: float, *, attached: bool = False) -> None:
        """*attached*: the run was the broker's already, and goes on after `stop`."""
        super().__init__(plan)
        self._broker = broker
        self._heartbeat_timeout = heartbeat_timeout
        self._attached = attached
        self._left = False
        self._users = 0
        self.environment._create_runner(_Mirror, self)
        setup_distributed_stats_event_listeners(self.environment.events, self.environment.stats)

    @property
    def users(self) -> int:
        return self._users

    def execute(self) -> None:
        asked = 0.0
        heartbeats = Heartbeats(self._heartbeat_timeout, time.monotonic())
        while not self._left:
            now = time.monotonic()
            if now - asked > INTERVAL:
                self._broker.send(messages.POLL, {})
                asked = now
            message = self._broker.receive(INTERVAL)
            if message is not None:
                heartbeats.beat()
                if message.type == messages.REPORT:
                    self._add(message.data)
                elif message.type == messages.STATE and self._update(message.data):
                    return
            elif heartbeats.is_lost(time.monotonic()):
                raise SetupError(f'the broker at {self._broker.address} has gone')

    def stop(self) -> None:
        self.interrupted = True
        if self._attached:
            self._left = True
        else:
            self._broker.order(messages.HALT)

    def _add(self, data: Any) -> None:
        self.environment.events.worker_report.fire(client_id='', data=data)
        self.stats.add(TestStats.from_data(data['loads']))

    def _update(self, state: dict[str, Any]) -> bool:
        """Take over the state of the run, and return whether the run is over. Raises `SetupError` if it failed."""
        self.agents, self.lost = state['agents'], state['lost']
        self.waiting, self._users = state['waiting'], state['users']
        # By the clock of this machine, which may differ from that of the broker: it says how long ago that was.
        self.started = None if state['age'] is None else self.started or self.now() - state['age']
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
    """The runner that Locust's reports read, without users of its own."""

    def __init__(self, environment: Any, run: RemoteRun) -> None:
        super().__init__(environment)
        self._run = run

    @property
    def user_count(self) -> int:
        return self._run.users
