"""The master's side of a run: a plan, carried out by some of the agents that are there."""

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
#: Seconds between two looks, should nothing happen.
INTERVAL = 0.5


class Job:
    """One run. It owns the agents that it was given, until their end."""

    def __init__(self, agents: Agents, plan: Plan, files: bytes) -> None:
        self.plan = plan
        self.stats = TestStats()
        #: Those that take part, by connection; and the names of those that were lost.
        self.members: dict[str, Agent] = {}
        self.names: list[str] = []
        self.lost: list[str] = []
        self.waiting = ''
        self.started: float | None = None
        self.ended: float | None = None
        self.interrupted = False
        self._agents = agents
        self._files = files
        self._changed = Event()
        #: Of members, by connection: what each has said last that is waited for.
        self._said: dict[str, str] = {}
        self._failures: list[SetupError] = []

    def run(self) -> None:
        """Do it all; raises `SetupError` if agents cannot be set up."""
        runner = self._agents.runner
        self._agents.on_change, self._agents.on_message = self._on_change, self._on_message
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
            self._agents.on_change, self._agents.on_message = lambda agent: None, lambda agent, kind, data: None

    def stop(self) -> None:
        """Interrupt it."""
        self.interrupted = True
        for agent in self.members.values():
            self._agents.order(agent, messages.STOP)
        self._changed.set()

    def fail(self, error: SetupError) -> None:
        """It cannot begin."""
        self._failures.append(error)
        self._changed.set()

    def _gather(self) -> None:
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
            agent.busy = True
            self.members[agent.client_id] = agent
            self.names.append(agent.name)
        strangers = [
            agent.name for agent in self.members.values() if agent.about.get('no_patching') != self.plan.no_patching
        ]
        if strangers:
            flag = 'with' if self.plan.no_patching else 'without'
            raise SetupError(f'{", ".join(strangers)}: start agents {flag} --no-patching, as the runner is')

    def _order_all(self, kind: str, content: dict[str, Any], answer: str, waiting: str = '') -> None:
        """Give every member an order, and its number; wait until each has given its answer, failed, or is lost."""
        self._said.clear()
        for client_id, agent in list(self.members.items()):
            self._agents.order(agent, kind, {**content, 'number': self.names.index(agent.name)})
            self._said[client_id] = ''
        self.waiting = waiting
        deadline = None
        while left := [name for name in self.members if self._said.get(name) not in (answer, messages.FAILED)]:
            self._pause()
            if self.interrupted:
                deadline = deadline or time.monotonic() + END_TIMEOUT
                if time.monotonic() > deadline:
                    for client_id in left:
                        self._drop(client_id)
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

    def _drop(self, client_id: str) -> None:
        agent = self.members.pop(client_id, None)
        if agent is not None:
            self.lost.append(agent.name)

    def _on_change(self, gone: Agent | None) -> None:
        if gone is not None and gone.client_id in self.members:
            left = self.ended is not None or self._failures or self.interrupted
            if left:
                del self.members[gone.client_id]
            else:
                self._drop(gone.client_id)
        self._changed.set()

    def _on_message(self, agent: Agent, kind: str, data: Any) -> None:
        self._said[agent.client_id] = kind
        if kind == messages.FAILED:
            why = data if isinstance(data, dict) else {}
            self._failures.append(SetupError(f'agent {agent.name}: {why.get("why")}', str(why.get('details', ''))))
        self._changed.set()

    def _on_report(self, client_id: str, data: dict[str, Any]) -> None:
        if client_id in self.members and 'loads' in data:
            self.stats.add(TestStats.from_data(data['loads']))
