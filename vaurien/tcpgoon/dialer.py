"""Dials the connections of a test, each when it is due, and holds them."""

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

#: Connections that are dialed before the event loop looks after the others again.
BATCH = 64

logger = logging.getLogger(__name__)


class Dialer:
    """Makes the connections of one test. Everything happens in the event loop; `wait` waits for the end."""

    def __init__(self, recipe: Recipe, settings: Settings) -> None:
        self.recipe = recipe
        self.loop: Any = get_hub().loop
        self.record = Record(settings.connections)
        self._settings = settings
        self._began = 0.0
        self._dialed = 0
        self._over = Event()
        #: Connections that are not established yet, the oldest first. All have the same timeout, so the time of the
        #: oldest one is over first.
        self._dialing: dict[Connection, None] = {}
        self._established: set[Connection] = set()
        self._timers: dict[str, Any] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return perf_counter() - self._began

    @property
    def hold_left(self) -> float | None:
        """Seconds that the connections are still to be held; None before that begins, and if they are not held."""
        if self._settings.hold is None or self.record.dialed_at is None:
            return None
        return max(0.0, self.record.dialed_at + self._settings.hold - self.elapsed)

    def begin(self) -> None:
        """Start to dial as soon as the event loop runs."""
        self._began = perf_counter()
        self._after('pace', 0.0, self._dial_due)

    def wait(self) -> None:
        """Wait until the test is over."""
        self._over.wait()
        self.record.over_at = self.elapsed

    def interrupt(self) -> None:
        """End the test now."""
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
        """Record that a connection is established, and hold it."""
        del self._dialing[connection]
        self._established.add(connection)
        seconds = connection.established - connection.began
        self.record.on_established(seconds, connection.established - self._began)
        logger.debug('connection %d: established in %.6f s', connection.number, seconds)
        self._settle()

    def on_failed(self, connection: Connection, error: str) -> None:
        """Record that a connection could not be established."""
        del self._dialing[connection]
        now = perf_counter()
        self.record.on_failed(error, now - connection.began, now - self._began)
        logger.debug('connection %d: failed: %s', connection.number, error)
        self._settle()

    def on_closed(self, connection: Connection, reason: str) -> None:
        """Record that the server has closed a connection."""
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
        """Set the timer for the oldest connection. When it fires, another one may be the oldest."""
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
        """Once every connection is established or has failed, hold them or end the test."""
        if self._dialing or self._dialed < self._settings.connections:
            return
        self.record.dialed_at = self.elapsed
        if self._settings.hold and self._established:
            self._after('hold', self._settings.hold, self._over.set)
        else:
            self._over.set()

    def _after(self, name: str, seconds: float, callback: Any) -> None:
        """Call *callback* after so many seconds, in place of an earlier timer of that *name*."""
        self._cancel(name)
        self._timers[name] = self.loop.timer(max(0.0, seconds))
        self._timers[name].start(callback, update=True)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.stop()
            timer.close()
