"""A peer that writes little by little: the bytes arrive in small pieces, with a pause after each.

sent       abcdef
received   ab cd ef
"""

from __future__ import annotations

from collections import deque
from math import inf

from vaurien.toxics.base import BaseToxic, Ending, Int64, Item


class Slicer(BaseToxic):
    """Cuts chunks into pieces of about the same size, with a pause after each piece."""

    name = 'slicer'
    options = {
        'average_size': ('Average size of a piece in bytes; below 1, chunks stay whole', Int64, 0),
        'size_variation': ('Variation of the size of a piece in bytes', Int64, 0),
        'delay': ('Pause after each piece in microseconds', Int64, 0),
    }
    _rushed = False

    def __init__(self, *args: object, **given: object) -> None:
        super().__init__(*args, **given)  # type: ignore[arg-type]
        self._pieces: deque[bytes] = deque()
        self._paused_until = -inf

    @property
    def is_holding(self) -> bool:
        """Whether a chunk is passing, or waits to pass."""
        return bool(self._pieces) or super().is_holding

    def emit(self, now: float) -> Item | None:
        """Return the next piece, when the pause after the one before has passed."""
        if self._rushed:
            return self._take_rest()
        if not (self.queue or self._pieces):
            return None
        if self._paused_until > now:
            self.next_step = self._paused_until
            return None
        if not self._pieces:
            item = self.pop()
            if isinstance(item, Ending):
                return item
            self._pieces.extend(self._cut(item))
        self._paused_until = now + max(0, self.option('delay')) / 1e6
        return self._pieces.popleft()

    def _cut(self, data: bytes) -> list[bytes]:
        """Cut each piece in two, near its middle, until none is too long, as Toxiproxy does."""
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
        """Release the rest of the chunk in one piece, and end the pause."""
        self._rushed, self._paused_until = bool(self._pieces), now

    def leave(self, now: float) -> list[Item]:
        """Return that rest, then what waits."""
        rest: list[Item] = [self._take_rest()] if self._pieces else []
        return rest + super().leave(now)

    def _take_rest(self) -> bytes:
        rest, self._pieces = b''.join(self._pieces), deque()
        self._rushed = False
        return rest
