"""A run, wherever its users are: what outputs see during it, and the report at its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from locust.env import Environment
from locust.stats import sort_stats, update_stats_history

from vaurien.loads.report import Report, RequestError, read_entry
from vaurien.loads.stats import TestStats

if TYPE_CHECKING:
    from vaurien.loads.plan import Plan


class Run:
    """The base of `LocalRun` (its users are here), `ClusterRun` (in agents) and `RemoteRun` (in agents of a broker)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        #: The environment of Locust, with the statistics of requests and the runner.
        self.environment: Any = Environment()
        self.environment.locustfile = plan.test
        self.environment.host = plan.server_url or None
        self.stats = TestStats()
        #: The names of the agents that take part, and of those that were lost.
        self.agents: list[str] = []
        self.lost: list[str] = []
        self.interrupted = False
        #: What the run waits for, for people: empty while the test runs.
        self.waiting = ''
        #: The start of the first cycle and the end of the last, in seconds since the epoch.
        self.started: float | None = None
        self.ended: float | None = None

    def execute(self) -> None:
        """Carry the run out, and return at its end or soon after `stop`. Raises `ConfigError` or `SetupError`."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """Note that the run is interrupted. Unlike `stop`, this does not wait for the event loop."""
        self.interrupted = True

    def stop(self) -> None:
        """Interrupt the run. Hits in progress are cut off."""
        raise NotImplementedError

    @property
    def users(self) -> int:
        """The number of users at this moment."""
        return int(self.environment.runner.user_count)

    @property
    def duration(self) -> float:
        """Seconds from the start of the first cycle to the end of the last, or until now."""
        return 0.0 if self.started is None else max(0.0, (self.ended or self.now()) - self.started)

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()

    def progress(self) -> float:
        """Return which share of the run is done, from 0 to 1."""
        if self.plan.hits is not None:
            return self.stats.hits / self.plan.hits
        seconds = self.plan.seconds or 1.0
        return min(1.0, self.duration / seconds)

    def report(self) -> Report:
        """Return the results until now."""
        stats = self.environment.stats
        errors = [
            RequestError(one.method, one.name, one.parse_error(one.error), one.occurrences)
            for one in stats.errors.values()
        ]
        self.publish_problems()
        return Report(
            plan=self.plan,
            started=self.started or self.now(),
            duration=self.duration,
            stats=self.stats,
            total=read_entry(stats.total),
            requests=[read_entry(entry) for entry in sort_stats(stats.entries)],
            request_errors=errors,
            agents=self.agents,
            lost=self.lost,
            interrupted=self.interrupted,
        )

    def publish_problems(self) -> None:
        """Show errors and failures as exceptions in the reports of Locust."""
        self.environment.runner.exceptions = {
            key: {
                'count': one.count,
                'msg': f'{one.kind}: {one.message}',
                'traceback': one.traceback,
                'nodes': set(self.agents),
            }
            for key, one in self.stats.problems.items()
        }

    def note_history(self) -> None:
        """Add a point to the charts of Locust, at most one a second."""
        history = self.environment.stats.history
        before = len(history)
        if self.started is not None:
            update_stats_history(self.environment.runner)
        if len(history) > before and before and history[-1]['time'] == history[-2]['time']:
            history.pop()
