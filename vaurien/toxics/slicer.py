"""A peer that writes little by little: the bytes arrive in small pieces, with a pause after each.

sent       abcdef
received   ab cd ef
"""

from __future__ import annotations

from math import inf

from vaurien.toxics.base import BaseToxic, Bytes, Ending, Item, Microseconds


class Slicer(BaseToxic):
    """Cuts chunks into pieces of about the same size, with a pause after each piece."""

    name = 'slicer'
    options = {
        'average_size': ('Average size of a piece in bytes; below 1, chunks stay whole', Bytes, 0),
        'size_variation': ('Variation of the size of a piece in bytes', Bytes, 0),
        'delay': ('Pause after each piece in microseconds', Microseconds, 0),
    }
    _rushed = False

    def __init__(self, *args: object, **given: object) -> None:
        super().__init__(*args, **given)  # type: ignore[arg-type]
        #: What is left of the chunk that is passing, cut in some places. The first part is the last of the list.
        self._rest: list[bytes] = []
        self._paused_until = -inf

    @property
    def is_holding(self) -> bool:
        """Whether a chunk is passing, or waits to pass."""
        return bool(self._rest) or super().is_holding

    def emit(self, now: float) -> Item | None:
        """Return the next piece, when the pause after the one before has passed."""
        if self._rushed:
            return self._take_rest()
        if not (self.queue or self._rest):
            return None
        if self._paused_until > now:
            self.next_step = self._paused_until
            return None
        if not self._rest:
            item = self.pop()
            if isinstance(item, Ending):
                return item
            self._rest.append(item)
        self._paused_until = now + max(0, self.option('delay')) / 1e6
        return self._cut()

    def _cut(self) -> bytes:
        """Return the next piece: cut what is left in two, near the middle, until the first part is not too long.

        Toxiproxy does so, too, with the whole chunk at once.
        """
        average, variation = self.option('average_size'), max(0, self.option('size_variation'))
        piece = self._rest.pop()
        while average >= 1 and len(piece) > max(1, average + variation):
            middle = len(piece) // 2 + (self.random.randrange(-variation, variation) if variation else 0)
            middle = min(max(middle, 1), len(piece) - 1)
            self._rest.append(piece[middle:])
            piece = piece[:middle]
        return piece

    def interrupt(self, now: float) -> None:
        """Release the rest of the chunk in one piece, and end the pause."""
        self._rushed, self._paused_until = bool(self._rest), now

    def leave(self, now: float) -> list[Item]:
        """Return that rest, then what waits."""
        rest: list[Item] = [self._take_rest()] if self._rest else []
        return rest + super().leave(now)

    def _take_rest(self) -> bytes:
        rest, self._rest = b''.join(reversed(self._rest)), []
        self._rushed = False
        return rest
