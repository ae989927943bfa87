"""Data in small pieces, as from a peer that writes little by little."""

from __future__ import annotations

from collections import deque
from math import inf

from vaurien.toxics.base import BaseToxic, Ending, Int64, Item


class Slicer(BaseToxic):
    """Cuts chunks into pieces of about a size, with a pause after each."""

    name = 'slicer'
    options = {
        'average_size': ('Bytes of a piece, on average; less than 1: chunks stay whole', Int64, 0),
        'size_variation': ('Bytes by which the size of a piece varies', Int64, 0),
        'delay': ('Microseconds to wait after each piece', Int64, 0),
    }
    _rushed = False

    def __init__(self, *args: object, **given: object) -> None:
        super().__init__(*args, **given)  # type: ignore[arg-type]
        self._pieces: deque[bytes] = deque()
        #: When the pause after the last piece is over.
        self._free = -inf

    @property
    def is_holding(self) -> bool:
        """Or whether a chunk is passing."""
        return bool(self._pieces) or super().is_holding

    def emit(self, now: float) -> Item | None:
        """The next piece, once the pause after the one before it is over."""
        if self._rushed:
            self._rushed = False
            rest = b''.join(self._pieces)
            self._pieces.clear()
            return rest
        if not (self.queue or self._pieces):
            return None
        if self._free > now:
            self.due = self._free
            return None
        if not self._pieces:
            item = self.pop()
            if isinstance(item, Ending):
                return item
            self._pieces.extend(self._cut(item))
        self._free = now + max(0, self.option('delay')) / 1e6
        return self._pieces.popleft()

    def _cut(self, data: bytes) -> list[bytes]:
        """Halve what is too long, somewhere near its middle, until nothing is."""
        average, variation = self.option('average_size'), max(0, self.option('size_variation'))
        pieces, todo = [], [data]
        while todo:
            piece = todo.pop()
            if average < 1 or len(piece) <= max(1, average + variation):
                pieces.append(piece)
                continue
            middle = len(piece) // 2 + (self.random.randrange(-variation, variation) if variation else 0)
            middle = min(max(middle, 1), len(piece) - 1)
            todo += [piece[middle:], piece[:middle]]
        return pieces

    def interrupt(self, now: float) -> None:
        """The rest of the chunk goes out in one piece, and the pause is over."""
        self._rushed, self._free = bool(self._pieces), now

    def leave(self, now: float) -> list[Item]:
        """That rest comes first."""
        rest: list[Item] = [b''.join(self._pieces)] if self._pieces else []
        self._pieces.clear()
        self._rushed = False
        return rest + super().leave(now)
