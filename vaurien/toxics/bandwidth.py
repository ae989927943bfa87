"""Slow, like a narrow wire: so many bytes a second, and whoever sends more has to wait."""

from __future__ import annotations

from math import inf

from vaurien.toxics.base import BaseToxic, Ending, Int64, Item

#: Milliseconds between two pieces of a chunk that takes longer.
INTERVAL = 100


class Bandwidth(BaseToxic):
    """Lets so many bytes a second through."""

    name = 'bandwidth'
    options = {'rate': ('1000 bytes a second; 0 stops everything, less is no limit', Int64, 0)}
    #: What is read in one turn of the event loop is to last until the next.
    capacity = 8
    #: When the last piece was due: the wire was free again.
    _free = -inf
    #: What is left of the chunk that passes.
    _rest = b''
    _rushed = False

    @property
    def is_holding(self) -> bool:
        """Or whether a chunk is passing."""
        return bool(self._rest) or super().is_holding

    def emit(self, now: float) -> Item | None:
        """The next piece, once the time has passed that it takes."""
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
        due = -inf if self._rushed else self._free + len(piece) / (rate * 1000)
        if due > now:
            self.due = due
            return None
        self._free = now if self._rushed else due
        self._rest = self._rest[size:]
        self._rushed = False
        return piece

    def interrupt(self, now: float) -> None:
        """The rest of the chunk that passes goes out in one piece."""
        self._rushed = bool(self._rest)

    def leave(self, now: float) -> list[Item]:
        """That rest comes first."""
        rest: list[Item] = [self._rest] if self._rest else []
        self._rest, self._rushed = b'', False
        return rest + super().leave(now)
