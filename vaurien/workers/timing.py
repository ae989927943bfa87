"""The exchanges that a worker times, because somebody looks at the proxies of its parent."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from vaurien.engine.recording import Recording, Timed

#: Nobody wants to know after so many seconds what was timed.
WANTED = 3.0


class Timings(NamedTuple):
    """How many exchanges have begun to be timed since the last time, and those that are over."""

    begun: int = 0
    over: Sequence[Timed] = ()


class Timing:
    """Times as many exchanges of a proxy as the parent asks for, and keeps them until it asks again."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._begun = self._left = 0
        self._over: list[Timed] = []
        self._asked = 0.0

    def time_some(self, most: int) -> Timings:
        """Time up to *most* exchanges from now on, and return what has become of the last ones."""
        found, before = Timings(self._begun, self._over), self._asked
        self._begun, self._left, self._over, self._asked = 0, most, [], monotonic()
        self._recording.open(self._take, self._note)
        return found if self._asked < before + WANTED else Timings()

    def _take(self) -> None:
        self._begun += 1
        self._left -= 1
        if self._left < 1:
            self._recording.close()

    def _note(self, timed: Timed) -> None:
        self._over.append(timed)
