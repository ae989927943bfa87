"""The time by which a schedule runs."""

from __future__ import annotations

from time import monotonic
from typing import Protocol

from gevent.event import Event


class ScheduleClock(Protocol):
    """A clock. A test may have one that it sets."""

    def now(self) -> float:
        """Return the seconds since some beginning."""

    def wait(self, event: Event, seconds: float | None) -> None:
        """Suspend the calling greenlet until *event* is set, or for so many *seconds*."""


class LoopClock:
    """The clock of the system, and the timers of the event loop: a millisecond is nothing to a schedule."""

    def now(self) -> float:
        """Return the seconds on the clock of `time.monotonic`."""
        return monotonic()

    def wait(self, event: Event, seconds: float | None) -> None:
        """Suspend the calling greenlet until *event* is set, or for so many *seconds*."""
        event.wait(None if seconds is None else max(0.0, seconds))
