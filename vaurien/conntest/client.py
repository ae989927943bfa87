"""The runs of a group: several at a time, each started when it is due."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from gevent.pool import Group as Greenlets

from vaurien.conntest.connection import Connection
from vaurien.conntest.messages import Run, RunGroup, client_run
from vaurien.conntest.timestamps import SECOND, Stopwatch

INTERRUPTED = 'interrupted'


class Client:
    """Runs a test group.

    *make_data* returns the data of a run, *connect* a connection. *path* is that of a run without its number. *sleep*
    takes seconds.
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
        self._started = 0
        #: When the next run may start, on the monotonic clock.
        self._due = 0.0
        self._workers = Greenlets()

    def start(self) -> None:
        """Start a worker for each run that may go on at the same time; `wait` waits for them."""
        for _ in range(min(max(self.group.concurrency, 1), self.group.run_count)):
            self._workers.spawn(self._work)

    def wait(self, seconds: float) -> bool:
        """Wait until all runs are over, but no longer than *seconds*; return whether they are."""
        return bool(self._workers.join(seconds, raise_error=True))

    def stop(self) -> None:
        """Start no more runs, and abandon those that have not ended."""
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
        """Wait until the next run may start, and return its number, 0 if there is none."""
        if self._started >= self.group.run_count:
            return 0
        self._started += 1
        number = self._started
        if self._delay:
            now = monotonic()
            due = max(now, self._due)  # a delay that was missed is not made up for
            self._due = due + self._delay
            if due > now:
                self._sleep(due - now)
        return number

    def _run(self, connection: Connection, number: int) -> None:
        data = self._make_data()
        error = INTERRUPTED  # this stays if `stop` kills the greenlet
        watch = Stopwatch()
        try:
            error = connection.post(f'{self._path}{number}', data)
        finally:
            self.failed += bool(error)
            self.runs.append(client_run(self.group, number, data, watch.start, watch.now, error))
