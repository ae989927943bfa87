"""Data that arrive damaged.

sent       abcd efgh
received   abkd efgh
"""

from __future__ import annotations

from math import log, log1p
from typing import Annotated

from msgspec import Meta

from vaurien.toxics.base import BaseToxic, Ending, Item

#: How many bytes are damaged in one step: more would keep other links waiting.
STEP = 512

Probability = Annotated[float, Meta(ge=0, le=1)]


class Corrupt(BaseToxic):
    """Flips one bit in some of the bytes."""

    name = 'corrupt'
    options = {'probability': ('Probability, for each byte, that one of its bits is flipped', Probability, 0.01)}
    #: How many bytes, of what is left of this chunk and of later ones, stay intact until the next damage, if drawn.
    _ahead: int | None = None
    #: The chunk that is being damaged, and how much of it is done.
    _chunk: bytearray | None = None
    _done = 0

    @property
    def is_holding(self) -> bool:
        """Whether a chunk is being damaged, or waits for that."""
        return self._chunk is not None or super().is_holding

    def emit(self, now: float) -> Item | None:
        """Return the next chunk, damaged. If that takes long, ask for another step."""
        if self._chunk is None:
            item = self.pop() if self.queue else None
            if item is None or isinstance(item, Ending):
                return item
            self._chunk, self._done = bytearray(item), 0
        if self._damage(self._chunk):
            return self._take_chunk()
        self.next_step = now
        return None

    def interrupt(self, now: float) -> None:
        """Draw the next damage again, because the probability may have changed."""
        self._ahead = None

    def leave(self, now: float) -> list[Item]:
        """Return the chunk, as far as it is damaged, then what waits."""
        return [*([] if self._chunk is None else [self._take_chunk()]), *super().leave(now)]

    def _damage(self, chunk: bytearray) -> bool:
        """Go on damaging the chunk, `STEP` bytes at most; return whether it is done."""
        for _ in range(STEP):
            ahead = self._skip() if self._ahead is None else self._ahead
            if self._done + ahead >= len(chunk):
                self._ahead = self._done + ahead - len(chunk)
                return True
            self._done, self._ahead = self._done + ahead + 1, None
            chunk[self._done - 1] ^= 1 << self.random.randrange(8)
        return False

    def _take_chunk(self) -> bytes:
        assert self._chunk is not None, 'there is one'
        chunk, self._chunk = bytes(self._chunk), None
        return chunk

    def _skip(self) -> int:
        """Draw how many bytes stay intact until the next damage: a number with a geometric distribution."""
        probability = self.option('probability')
        if probability >= 1:
            return 0
        return int(min(2.0**62, log(1 - self.random.random()) / log1p(-probability))) if probability > 0 else 2**62
