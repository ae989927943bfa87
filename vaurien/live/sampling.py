"""How many exchanges are timed: timing one costs as much as moving one."""

from __future__ import annotations

from math import ceil

#: Exchanges timed per second: all, up to `TIMED`; if there are more, `TIMED_OF_MORE` of them. `TIMED` is also the
#: largest burst.
TIMED = 200
TIMED_OF_MORE = 30


class Sampling:
    """A budget of exchanges that may be timed, which is refilled as time passes."""

    def __init__(self) -> None:
        self._left = 0.0
        self._rate = TIMED
        #: How many were taken since they were counted last.
        self._taken = 0

    @property
    def is_open(self) -> bool:
        """Whether one more may be timed."""
        return self._left >= 1

    def take(self) -> None:
        """Count an exchange that is timed."""
        self._taken += 1
        self._left -= 1

    def refill(self, seconds: float) -> int:
        """Let more be timed, so many *seconds* after the last time; return how many may be looked for, or 0."""
        self._left = min(self._left + self._rate * seconds, TIMED)
        return max(1, ceil(self._rate * seconds)) if self.is_open else 0

    def count(self) -> int:
        """Return how many were taken since the last time."""
        taken, self._taken = self._taken, 0
        return taken

    def adapt(self, requests: int, seconds: float) -> None:
        """Have the rate fit to so many *requests* in so many *seconds*."""
        self._rate = TIMED if requests <= TIMED * seconds else TIMED_OF_MORE
