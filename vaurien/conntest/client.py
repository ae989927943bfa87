"""The runs of a group: so many at a time, each begun when its time has come."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from gevent.pool import Group as Greenlets

from vaurien.conntest.connection import Connection
from vaurien.conntest.messages import Run, RunGroup, client_run
from vaurien.conntest.moments import SECOND, Stopwatch

INTERRUPTED = 'interrupted'


class Client:
    """Runs *group*, whose ``test_runs`` become those that were begun.

    *make_data* gives the data of each run, *connect* makes connections, *path* is what that of a run begins with, and
    *sleep* takes seconds.
    """

    def __init__(
        self,
        group: RunGroup,
        make_data: Callable[[], bytes],
        connect: Callable[[], Connection],
        path: str,
        sleep: Callable[[float], None],
    ) -> None:
        self.group = group
        self.runs: list[Run] = []
        self.failed = 0
        self.stopped = False
        self._make_data = make_data
        self._connect = connect
        self._path = path
        self._sleep = sleep
        self._delay = group.client_delay_ns / SECOND
        self._begun = 0
        #: On the monotonic clock: before it no further run begins.
        self._due = 0.0
        self._workers = Greenlets()

    def start(self) -> None:
        """Begin; `wait` for the end."""
        for _ in range(min(max(self.group.concurrency, 1), self.group.run_count)):
            self._workers.spawn(self._work)

    def wait(self, seconds: float) -> bool:
        """Whether all runs are over, waiting for it for so long."""
        return bool(self._workers.join(seconds, raise_error=True))

    def stop(self) -> None:
        """Begin no more runs, and give up those that are under way."""
        self.stopped = True
        self._workers.kill()

    def _work(self) -> None:
        connection = self._connect()
        try:
            while number := self._take_turn():
                self._run(connection, number)
        finally:
            connection.close()

    def _take_turn(self) -> int:
        """Wait until the next run may begin; its number, or 0 if there is none."""
        if self._begun >= self.group.run_count:
            return 0
        self._begun += 1
        number = self._begun
        if self._delay:
            now = monotonic()
            due = max(now, self._due)
            self._due = due + self._delay
            if due > now:
                self._sleep(due - now)
        return number

    def _run(self, connection: Connection, number: int) -> None:
        data = self._make_data()
        error = INTERRUPTED
        watch = Stopwatch()
        try:
            error = connection.post(f'{self._path}{number}', data)
        finally:
            self.failed += bool(error)
            self.runs.append(client_run(self.group, number, data, watch.start, watch.now, error))
