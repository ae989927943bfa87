"""Dials the connections of a test, each in its time, and holds them."""

from __future__ import annotations

import logging
from itertools import takewhile
from time import perf_counter
from typing import Any

from gevent import get_hub
from gevent.event import Event

from vaurien.tcpgoon.connection import Connection
from vaurien.tcpgoon.handshake import Recipe
from vaurien.tcpgoon.record import Death, Record
from vaurien.tcpgoon.settings import Settings

#: How many are dialed before those that wait for the network have their turn.
BATCH = 64

logger = logging.getLogger(__name__)


class Dialer:
    """One test. Everything happens in the event loop; `run` waits for its end."""

    def __init__(self, recipe: Recipe, settings: Settings) -> None:
        self.recipe = recipe
        self.loop: Any = get_hub().loop
        self.record = Record(settings.connections)
        self._settings = settings
        self._began = 0.0
        self._dialed = 0
        self._over = Event()
        #: Those not established yet, the oldest first: with one timeout for all it is the first to run out of time.
        self._dialing: dict[Connection, None] = {}
        self._established: set[Connection] = set()
        self._timers: dict[str, Any] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return perf_counter() - self._began

    @property
    def hold_left(self) -> float | None:
        """Seconds that are left of holding; None if it has not begun, or never will."""
        if self._settings.hold is None or self.record.dialed_at is None:
            return None
        return max(0.0, self.record.dialed_at + self._settings.hold - self.elapsed)

    def begin(self) -> None:
        """Start dialing, as soon as the event loop runs."""
        self._began = perf_counter()
        self._after('pace', 0.0, self._dial_due)

    def wait(self) -> None:
        """Let it come to its end."""
        self._over.wait()
        self.record.over_at = self.elapsed

    def interrupt(self) -> None:
        """End it now."""
        self.record.interrupted = True
        self._over.set()

    def close(self) -> None:
        """Close every connection."""
        for name in list(self._timers):
            self._cancel(name)
        for connection in [*self._dialing, *self._established]:
            connection.close()
        self._dialing.clear()
        self._established.clear()

    def on_established(self, connection: Connection) -> None:
        """It is to be kept."""
        del self._dialing[connection]
        self._established.add(connection)
        seconds = connection.established - connection.began
        self.record.on_established(seconds, connection.established - self._began)
        logger.debug('connection %d: established in %.6f s', connection.number, seconds)
        self._settle()

    def on_failed(self, connection: Connection, error: str) -> None:
        """It came to nothing."""
        del self._dialing[connection]
        now = perf_counter()
        self.record.on_failed(error, now - connection.began, now - self._began)
        logger.debug('connection %d: failed: %s', connection.number, error)
        self._settle()

    def on_closed(self, connection: Connection, reason: str) -> None:
        """The server wants no more of it."""
        self._established.discard(connection)
        now = perf_counter()
        death = Death(connection.number, connection.local, now - connection.established, reason)
        self.record.on_closed(death, now - self._began)
        logger.debug('connection %d from %s: closed after %.6f s: %s', *death)
        if self.hold_left is not None and not self._established:
            self._over.set()  # there is nothing left to hold

    def _dial_due(self) -> None:
        gap, total = self._settings.gap, self._settings.connections
        due = total if not gap else min(total, int(self.elapsed / gap) + 1)
        for _ in range(min(BATCH, due - self._dialed)):
            self._dial()
        if self._dialed < due:
            self._after('pace', 0.0, self._dial_due)
        elif self._dialed < total:
            self._after('pace', self._dialed * gap - self.elapsed, self._dial_due)

    def _dial(self) -> None:
        self._dialed += 1
        connection = Connection(self, self._dialed)
        self._dialing[connection] = None
        self.record.on_dialing()
        logger.debug('connection %d: dialing', connection.number)
        connection.dial()
        if connection in self._dialing and 'timeout' not in self._timers:
            self._await_timeout()

    def _await_timeout(self) -> None:
        """Look at the oldest when its time is over; by then it may be another one."""
        oldest = next(iter(self._dialing), None)
        if oldest is not None:
            left = oldest.began + self._settings.dial_timeout / 1000 - perf_counter()
            self._after('timeout', left, self._time_out)

    def _time_out(self) -> None:
        self._cancel('timeout')
        deadline = perf_counter() - self._settings.dial_timeout / 1000
        for connection in list(takewhile(lambda connection: connection.began <= deadline, self._dialing)):
            connection.close()
            self.on_failed(connection, 'ETIMEDOUT')
        self._await_timeout()

    def _settle(self) -> None:
        """Once all have been dialed, hold or end."""
        if self._dialing or self._dialed < self._settings.connections:
            return
        self.record.dialed_at = self.elapsed
        if self._settings.hold and self._established:
            self._after('hold', self._settings.hold, self._over.set)
        else:
            self._over.set()

    def _after(self, name: str, seconds: float, callback: Any) -> None:
        """Call it then, in place of what was to be called by that name."""
        self._cancel(name)
        self._timers[name] = self.loop.timer(max(0.0, seconds))
        self._timers[name].start(callback, update=True)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.stop()
            timer.close()
