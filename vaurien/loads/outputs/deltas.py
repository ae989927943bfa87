"""What happened since the last look, for outputs that send it once a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from vaurien.loads.users.run import Run


class Delta(NamedTuple):
    """The counts since the last look."""

    #: ``hits``, ``success``, ``errors``, ``failures``, ``skipped``, ``websockets``, ``websocket_bytes``.
    counts: dict[str, int]
    counters: dict[str, int]
    #: Requests by method and name, and then by their time in milliseconds.
    requests: dict[tuple[str, str], dict[int, int]]
    #: Failed requests by method and name.
    failed: dict[tuple[str, str], int]


class Deltas:
    """Remembers the counts of the last look."""

    def __init__(self) -> None:
        self._seen: dict[Any, int] = {}

    def take(self, run: Run) -> Delta:
        """Return what was counted since the last look."""
        stats = run.stats
        counts = {
            'hits': stats.hits,
            'success': stats.success,
            'errors': stats.error,
            'failures': stats.failure,
            'skipped': stats.skipped,
            'websockets': stats.websockets,
            'websocket_bytes': stats.websocket_bytes,
        }
        requests: dict[tuple[str, str], dict[int, int]] = {}
        failed: dict[tuple[str, str], int] = {}
        for entry in list(run.environment.stats.entries.values()):
            key = (entry.method, entry.name)
            times = {time: self._new(('time', *key, time), count) for time, count in entry.response_times.items()}
            requests[key] = {time: count for time, count in times.items() if count}
            failed[key] = self._new(('failed', *key), entry.num_failures)
        return Delta(
            {name: self._new(('count', name), count) for name, count in counts.items()},
            {name: self._new(('counter', name), count) for name, count in stats.counters.items()},
            requests,
            failed,
        )

    def _new(self, key: Any, count: int) -> int:
        before = self._seen.get(key, 0)
        self._seen[key] = count
        return count - before
