"""The result of a run: all that a summary shows, as data, and the exit status that follows from it."""

from __future__ import annotations

from typing import Any

import msgspec

from vaurien.console.statuses import INTERRUPTED
from vaurien.loads.plan import Plan
from vaurien.loads.stats import TestStats, percentile

#: The percentiles of times that are shown, and their shares.
PERCENTILES = {'50%': 0.5, '90%': 0.9, '95%': 0.95, '99%': 0.99, '100%': 1.0}

#: Exit statuses: all is well; something went wrong.
CLEAN, WRONG = 0, 1


class Requests(msgspec.Struct, frozen=True):
    """The requests of one method and name, or all of them. Times are in milliseconds."""

    method: str
    name: str
    count: int
    failed: int
    average: float
    percentiles: dict[str, int]


class RequestError(msgspec.Struct, frozen=True):
    """One kind of failed request."""

    method: str
    name: str
    error: str
    count: int


class Report(msgspec.Struct, kw_only=True):
    """The results of a run, or those until now."""

    plan: Plan
    #: Seconds since the epoch.
    started: float
    #: Seconds from the start of the first cycle to the end of the last.
    duration: float
    stats: TestStats
    #: All requests together, then by name.
    total: Requests
    requests: list[Requests]
    request_errors: list[RequestError]
    agents: list[str] = msgspec.field(default_factory=list)
    lost: list[str] = msgspec.field(default_factory=list)
    interrupted: bool = False

    @property
    def rps(self) -> float:
        """Requests per second."""
        return self.total.count / self.duration if self.duration else 0.0

    @property
    def missing(self) -> int:
        """The number of hits that the plan asked for and that did not come to their end."""
        return 0 if self.plan.hits is None else max(0, self.plan.hits - self.stats.hits)

    @property
    def none_ended(self) -> bool:
        """Whether no hit came to its end, although nobody interrupted the run."""
        return not self.stats.hits and not self.interrupted

    @property
    def has_problems(self) -> bool:
        """Whether there was an error or a failure, in a hit or outside of any."""
        kinds = {problem.kind for problem in self.stats.problems.values()}
        return bool(self.stats.error or self.stats.failure or kinds & {'error', 'failure'})

    @property
    def status(self) -> int:
        """The exit status."""
        if self.interrupted:
            return INTERRUPTED
        return WRONG if self.has_problems or self.missing or self.lost or self.none_ended else CLEAN

    def hit_percentiles(self) -> dict[str, int]:
        """Return the percentiles of the times of hits, in milliseconds."""
        return {label: percentile(self.stats.times, share) for label, share in PERCENTILES.items()}

    def to_data(self) -> dict[str, Any]:
        """Return it as plain values: the JSON document that ``docs/loads.md`` describes."""
        stats = self.stats
        return {
            'test': self.plan.test,
            'plan': msgspec.to_builtins(self.plan),
            'status': self.status,
            'interrupted': self.interrupted,
            'started': self.started,
            'duration': self.duration,
            'hits': stats.hits,
            'success': stats.success,
            'errors': stats.error,
            'failures': stats.failure,
            'skipped': stats.skipped,
            'cut_off': stats.cut,
            'missing': self.missing,
            'hit_times_ms': self.hit_percentiles(),
            'rps': self.rps,
            'total': msgspec.to_builtins(self.total),
            'requests': msgspec.to_builtins(self.requests),
            'request_errors': msgspec.to_builtins(self.request_errors),
            'websockets': {'opened': stats.websockets, 'bytes_received': stats.websocket_bytes},
            'counters': stats.counters,
            'problems': msgspec.to_builtins(sorted(stats.problems.values(), key=lambda one: -one.count)),
            'faults': {'injected': stats.faults, 'met': stats.met, 'stray': stats.stray_faults},
            'agents': self.agents,
            'lost': self.lost,
        }


def read_entry(entry: Any) -> Requests:
    """Return what a `locust.stats.StatsEntry` has counted."""
    return Requests(
        entry.method or '',
        entry.name,
        entry.num_requests,
        entry.num_failures,
        entry.avg_response_time,
        {label: entry.get_response_time_percentile(share) for label, share in PERCENTILES.items()},
    )
