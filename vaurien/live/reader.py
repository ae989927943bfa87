"""One who reads events, and the events that wait until they are read."""

from __future__ import annotations

from collections import deque

from gevent.event import Event as Flag

from vaurien.rules.match import Pattern

#: The most events, and the most bytes of them, that wait for a reader. One who needs more is dropped.
#: All readers share them.
MOST_EVENTS = 10_000
MOST_BYTES = 4 * 1024 * 1024
#: Events are gathered for so many seconds, or until they have so many bytes, and sent at once: each time costs as much
#: as ten requests.
GATHERED = 0.25
MUCH = 64 * 1024


class Reader:
    """Takes events without ever having anybody wait. One who does not keep up is dropped."""

    def __init__(self, proxy: str = '', pattern: Pattern | None = None) -> None:
        """*proxy* is the only one whose events are wanted, if it has a name. *pattern* is for the texts of requests."""
        self.proxy = proxy
        self._pattern = pattern
        self._waiting: deque[bytes] = deque()
        self._size = 0
        #: Whether something waits, and whether it waits no longer, for it is much, or urgent.
        self._some, self._now = Flag(), Flag()
        self.is_dropped = False

    def wants(self, proxy: str | None, request: str | None = None) -> bool:
        """Return whether an event matters that is about *proxy* (None: all), or about a *request* to it."""
        if self.proxy and proxy not in (None, self.proxy):
            return False
        return self._pattern is None or request is None or self._pattern.matches(request)

    def add(self, event: bytes, *, is_urgent: bool = False) -> bool:
        """Have an event wait; return False if there are too many by now: the reader is dropped."""
        if self.is_dropped:
            return True
        self._waiting.append(event)
        self._size += len(event)
        if len(self._waiting) > MOST_EVENTS or self._size > MOST_BYTES:
            self.drop()
            return False
        self._some.set()
        if is_urgent or self._size > MUCH:
            self._now.set()
        return True

    def drop(self) -> None:
        """Have nothing wait any more, and end what waits for it."""
        self.is_dropped = True
        self._clear()
        self._some.set()
        self._now.set()

    def take(self, seconds: float) -> bytes:
        """Wait for events for so long, and return those that have come. Blocks the calling greenlet."""
        if self._some.wait(seconds):
            self._now.wait(GATHERED)
        taken = b''.join(self._waiting)
        self._clear()
        self._some.clear()
        self._now.clear()
        return taken

    def _clear(self) -> None:
        self._waiting.clear()
        self._size = 0
