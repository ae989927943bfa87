"""A run whose users are in agents, and whose master is the runner itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
from gevent.pool import Group

from vaurien.address import Address
from vaurien.errors import SetupError
from vaurien.loads.cluster import messages
from vaurien.loads.cluster.agents import Agents
from vaurien.loads.cluster.job import Job
from vaurien.loads.cluster.supervisor import WorkerProcess
from vaurien.loads.users.run import Run

if TYPE_CHECKING:
    from vaurien.loads.plan import Plan

#: Seconds between two looks at the agents that were started here.
INTERVAL = 0.2


class ClusterRun(Run):
    """Agents are waited for at an address, or started here."""

    def __init__(self, plan: Plan, files: bytes, address: Address | None, secret: str) -> None:
        """*address*: where agents that others start connect; None: start them. Raises `StartError`."""
        super().__init__(plan)
        self._own = address is None
        self._secret = secret if address is not None else messages.make_nonce().hex()
        self._master = Agents(self.environment, address or Address('127.0.0.1', 0), self._secret)
        self._job = Job(self._master, plan, files)
        self._workers: list[WorkerProcess] = []
        self._greenlets = Group()
        self.stats = self._job.stats
        self.agents, self.lost = self._job.names, self._job.lost

    def execute(self) -> None:
        try:
            if self._own:
                self._start_workers()
            self._greenlets.spawn(self._follow)
            self._job.run()
        finally:
            self._note()
            self._greenlets.kill()
            self._master.close()
            for worker in self._workers:
                worker.stop()

    def stop(self) -> None:
        self.interrupted = True
        self._job.stop()

    def _start_workers(self) -> None:
        address = Address('127.0.0.1', self._master.port)
        for number in range(self.plan.agents):
            name = f'local-{number + 1}'
            self._workers.append(
                WorkerProcess(address, name, self._secret, no_patching=self.plan.no_patching, quiet=True)
            )

    def _follow(self) -> None:
        while True:
            self._note()
            for worker in self._workers:
                if worker.process.poll() is not None and not self._master.drop(worker.name) and self.started is None:
                    self._job.fail(SetupError(f'agent {worker.name} could not be started: see above'))
            gevent.sleep(INTERVAL)

    def _note(self) -> None:
        job = self._job
        self.started, self.ended = job.started, job.ended
        self.waiting = f'starting {self.plan.agents} agents' if self._own and not job.names else job.waiting
