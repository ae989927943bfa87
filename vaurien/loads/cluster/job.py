"""A plan that some of the agents carry out, as their master sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from gevent.event import Event

from vaurien.errors import SetupError
from vaurien.loads.cluster import messages
from vaurien.loads.stats import TestStats

if TYPE_CHECKING:
    from vaurien.loads.cluster.agents import Agent, Agents
    from vaurien.loads.plan import Plan

#: Seconds that agents may take to end their hits and send what they counted.
END_TIMEOUT = 8.0
#: Seconds between two looks if nothing happens.
INTERVAL = 0.5


class Job:
    """One run. The agents that it engages are its own until their end."""

    def __init__(self, agents: Agents, plan: Plan, files: bytes) -> None:
        self.plan = plan
        self.stats = TestStats()
        #: The agents that take part, by connection, without those that were lost.
        self.members: dict[str, Agent] = {}
        #: The names of all that take part, and of those that were lost.
        self.names: list[str] = []
        self.lost: list[str] = []
        #: What the job waits for, for people: empty while the test runs.
        self.waiting = ''
        #: The start of the first cycle and the end of the last, in seconds since the epoch.
        self.started: float | None = None
        self.ended: float | None = None
        self.interrupted = False
        self._agents = agents
        self._files = files
        self._changed = Event()
        #: The last answer of each member, by connection.
        self._answers: dict[str, str] = {}
        self._failures: list[SetupError] = []

    def run(self) -> None:
        """Carry the plan out. Raises `SetupError` if agents cannot be set up."""
        runner = self._agents.runner
        self._agents.listen(self._on_change, self._on_message)
        runner.environment.events.worker_report.add_listener(self._on_report)
        runner.environment.stats.clear_all()
        try:
            self._gather()
            setup = {'plan': self.plan.to_data(), 'files': self._files}
            self._order_all(messages.SETUP, setup, messages.READY, 'setting up')
            if self._failures:
                raise self._failures[0]
            self.started = time.time()
            for cycle in self.plan.cycles:
                if not self.interrupted:
                    runner.update_state('running')
                    self._order_all(messages.CYCLE, msgspec.to_builtins(cycle), messages.DONE)
            self.ended = time.time()
        finally:
            self._end()
            runner.environment.events.worker_report.remove_listener(self._on_report)
            self._agents.ignore()

    def stop(self) -> None:
        """Interrupt it, so that `run` returns soon."""
        self.interrupted = True
        for agent in self.members.values():
            self._agents.order(agent, messages.STOP)
        self._changed.set()

    def fail(self, error: SetupError) -> None:
        """Let `run` raise *error* if it still waits for agents or sets them up."""
        self._failures.append(error)
        self._changed.set()

    def _gather(self) -> None:
        """Wait for enough agents and engage them. Raises `SetupError`."""
        wanted = self.plan.agents
        while len(self._agents.idle()) < wanted and not self.interrupted and not self._failures:
            names = [agent.name for agent in self._agents.idle()]
            self.waiting = f'waiting for {wanted} agents, there are {len(names)}: {", ".join(names) or "none yet"}'
            self._pause()
        self.waiting = ''
        if self._failures:
            raise self._failures[0]
        if self.interrupted:
            return
        for agent in sorted(self._agents.idle()[:wanted], key=lambda agent: agent.name):
            self.members[agent.client_id] = agent.engage()
            self.names.append(agent.name)
        others = [
            agent.name for agent in self.members.values() if agent.about.get('no_patching') != self.plan.no_patching
        ]
        if others:
            flag = 'with' if self.plan.no_patching else 'without'
            raise SetupError(f'{", ".join(others)}: start agents {flag} --no-patching, as the runner is')

    def _order_all(self, kind: str, content: dict[str, Any], answer: str, waiting: str = '') -> None:
        """Order every member, and wait until each of them has given that *answer*, has failed or is lost."""
        self._answers.clear()
        for client_id, agent in list(self.members.items()):
            self._agents.order(agent, kind, {**content, 'number': self.names.index(agent.name)})
            self._answers[client_id] = ''
        self.waiting = waiting
        deadline = None
        while left := [name for name in self.members if self._answers.get(name) not in (answer, messages.FAILED)]:
            self._pause()
            if self.interrupted:
                deadline = deadline or time.monotonic() + END_TIMEOUT
                if time.monotonic() > deadline:
                    for client_id in left:
                        self._lose(client_id)
        self.waiting = ''

    def _end(self) -> None:
        """Let the members tear down and leave."""
        for agent in self.members.values():
            self._agents.order(agent, messages.END)
        deadline = time.monotonic() + END_TIMEOUT
        while self.members and time.monotonic() < deadline:
            self._pause()
        self.members.clear()

    def _pause(self) -> None:
        self._changed.wait(INTERVAL)
        self._changed.clear()

    def _lose(self, client_id: str) -> None:
        agent = self.members.pop(client_id, None)
        if agent is not None:
            self.lost.append(agent.name)

    def _on_change(self, gone: Agent | None) -> None:
        if gone is not None and gone.client_id in self.members:
            if self.ended is not None or self._failures or self.interrupted:
                del self.members[gone.client_id]  # it was told to leave
            else:
                self._lose(gone.client_id)
        self._changed.set()

    def _on_message(self, agent: Agent, kind: str, data: Any) -> None:
        self._answers[agent.client_id] = kind
        if kind == messages.FAILED:
            why = data if isinstance(data, dict) else {}
            self._failures.append(SetupError(f'agent {agent.name}: {why.get("why")}', str(why.get('details', ''))))
        self._changed.set()

    def _on_report(self, client_id: str, data: dict[str, Any]) -> None:
        if client_id in self.members and 'loads' in data:
            self.stats.add(TestStats.from_data(data['loads']))
