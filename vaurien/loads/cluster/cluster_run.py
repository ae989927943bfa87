"""A run whose users are in agents, and whose master is the runner itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
from gevent.pool import Group

from vaurien.address import Address
from vaurien.console.log import TEXT, LogFormat
from vaurien.errors import SetupError
from vaurien.loads.cluster.agents import Agents
from vaurien.loads.cluster.job import Job
from vaurien.loads.cluster.seal import make_nonce
from vaurien.loads.cluster.supervisor import Master, WorkerProcess
from vaurien.loads.users.run import Run

if TYPE_CHECKING:
    from vaurien.loads.plan import Plan

#: Seconds between two looks at the agents that were started here.
INTERVAL = 0.2


class ClusterRun(Run):
    """A run that waits for agents at an address, or starts its own."""

    def __init__(
        self,
        plan: Plan,
        files: bytes,
        address: Address | None,
        secret: str,
        heartbeat_timeout: float,
        log_format: LogFormat = TEXT,
    ) -> None:
        """*address* is where agents connect; None starts them here. Raises `StartError`."""
        super().__init__(plan)
        self._own = address is None
        self._secret = secret if address is not None else make_nonce().hex()
        self._heartbeat_timeout = heartbeat_timeout
        self._log_format = log_format
        self._agents = Agents(self.environment, address or Address('127.0.0.1', 0), self._secret, heartbeat_timeout)
        self._job = Job(self._agents, plan, files)
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
            self._update()
            self._greenlets.kill()
            self._agents.close()
            for worker in self._workers:
                worker.stop()

    def stop(self) -> None:
        self.interrupted = True
        self._job.stop()

    def _start_workers(self) -> None:
        address = Address('127.0.0.1', self._agents.port)
        master = Master(address, self._secret, self._heartbeat_timeout, self.plan.no_patching, self._log_format)
        for number in range(1, self.plan.agents + 1):
            self._workers.append(WorkerProcess(master, f'local-{number}', quiet=True))

    def _follow(self) -> None:
        while True:
            self._update()
            for worker in self._workers:
                if worker.has_ended() and not self._agents.drop(worker.name) and self.started is None:
                    self._job.fail(SetupError(f'agent {worker.name} could not be started: see above'))
            gevent.sleep(INTERVAL)

    def _update(self) -> None:
        job = self._job
        self.started, self.ended = job.started, job.ended
        self.waiting = f'starting {self.plan.agents} agents' if self._own and not job.names else job.waiting
