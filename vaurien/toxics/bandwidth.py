"""A narrow wire: so many bytes a second pass, and the sender waits when it sends more.

sent       abcdef
received   ab  cd  ef
"""

from __future__ import annotations

from math import inf
from typing import Annotated

from vaurien.plugins.units import KILOBYTES_PER_SECOND
from vaurien.toxics.base import BaseToxic, Ending, Int64, Item

#: Milliseconds between two pieces of a chunk, if the whole chunk takes longer.
INTERVAL = 100

Rate = Annotated[Int64, KILOBYTES_PER_SECOND]


class Bandwidth(BaseToxic):
    """Limits the rate of the stream."""

    name = 'bandwidth'
    options = {'rate': ('Limit in 1000 bytes per second; 0 stops all data, a negative value is no limit', Rate, 0)}
    #: What one turn of the event loop reads has to last until the next turn.
    capacity = 8
    #: When the wire became free: the last piece had passed.
    _free = -inf
    #: What is left of the chunk that is passing.
    _rest = b''
    _rushed = False

    @property
    def is_holding(self) -> bool:
        """Whether a chunk is passing, or waits to pass."""
        return bool(self._rest) or super().is_holding

    def emit(self, now: float) -> Item | None:
        """Return the next piece, when the time that it takes has passed."""
        rate = self.option('rate')
        if not (self.queue or self._rest) or (rate == 0 and not self._rushed):
            return None
        if not self._rest:
            arrived, item = self.queue[0]
            if isinstance(item, Ending) or rate < 0:
                return self.pop()
            self._free = max(arrived, self._free)
            self._rest = item
            self.pop()
        size = len(self._rest) if self._rushed else rate * INTERVAL
        piece = self._rest[:size]
        passed_at = -inf if self._rushed else self._free + len(piece) / (rate * 1000)
        if passed_at > now:
            self.next_step = passed_at
            return None
        self._free = now if self._rushed else passed_at
        self._rest = self._rest[size:]
        self._rushed = False
        return piece

    def interrupt(self, now: float) -> None:
        """Release the rest of the chunk that is passing, in one piece."""
        self._rushed = bool(self._rest)

    def leave(self, now: float) -> list[Item]:
        """Return that rest, then what waits."""
        rest: list[Item] = [self._rest] if self._rest else []
        self._rest, self._rushed = b'', False
        return rest + super().leave(now)
