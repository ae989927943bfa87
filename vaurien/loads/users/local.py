"""A run whose users are in the runner's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaurien.loads.users.process import Process
from vaurien.loads.users.run import Run

if TYPE_CHECKING:
    from vaurien.loads.plan import Plan


class LocalRun(Run):
    """One process."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        runner = self.environment.create_local_runner()
        self._process = Process(self.environment, runner, plan)
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
