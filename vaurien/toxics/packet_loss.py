"""Data that never arrive, though the connection stays open.

sent       a b c d
received   a   c d
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vaurien.toxics.base import BaseToxic, Ending, Item

#: A number that JSON can carry: any but the infinities. Toxiproxy takes values outside 0 to 1, too.
Finite = Annotated[float, Meta(ge=-1e308, le=1e308)]


class PacketLoss(BaseToxic):
    """Drops whole chunks. Nobody sends them again, so the bytes are missing."""

    name = 'packet_loss'
    options = {
        'loss_rate': ('Probability that a chunk is dropped, from 0 to 1', Finite, 0.0),
        'correlation': ('Added to the probability if the chunk before was dropped, from 0 to 1', Finite, 0.0),
    }
    _lost = False

    def emit(self, now: float) -> Item | None:
        """Return the next chunk that is not dropped."""
        while self.queue:
            item = self.pop()
            if isinstance(item, Ending) or not self._drops():
                return item
        return None

    def _drops(self) -> bool:
        rate = min(1.0, max(0.0, self.option('loss_rate')))
        if self._lost:
            rate = min(1.0, rate + max(0.0, min(1.0, self.option('correlation'))))
        self._lost = self.random.random() < rate
        return self._lost
