"""Data that arrive damaged.

sent       abcd efgh
received   abkd efgh
"""

from __future__ import annotations

from math import log, log1p
from typing import Annotated

from msgspec import Meta

from vaurien.toxics.base import BaseToxic, Ending, Item

Probability = Annotated[float, Meta(ge=0, le=1)]


class Corrupt(BaseToxic):
    """Flips one bit in some of the bytes."""

    name = 'corrupt'
    options = {'probability': ('Probability, for each byte, that one of its bits is flipped', Probability, 0.01)}
    #: How many bytes, of this chunk and later ones, stay intact before the next damage. None: not drawn yet.
    _ahead: int | None = None

    def emit(self, now: float) -> Item | None:
        """Return the next chunk, damaged."""
        if not self.queue:
            return None
        item = self.pop()
        return item if isinstance(item, Ending) else self._damage(item)

    def interrupt(self, now: float) -> None:
        """Draw the next damage again, because the probability may have changed."""
        self._ahead = None

    def _damage(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        at = self._skip() if self._ahead is None else self._ahead
        while at < len(damaged):
            damaged[at] ^= 1 << self.random.randrange(8)
            at += 1 + self._skip()
        self._ahead = at - len(damaged)
        return bytes(damaged)

    def _skip(self) -> int:
        """Draw how many bytes stay intact until the next damage.

        Their number has a geometric distribution. Its inverse takes one random number where a loop takes one for
        each byte.
        """
        probability = self.option('probability')
        if probability >= 1:
            return 0
        if probability <= 0:
            return 2**62
        return int(min(2.0**62, log(1 - self.random.random()) / log1p(-probability)))
