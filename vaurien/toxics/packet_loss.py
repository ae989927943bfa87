"""Data that never arrive, though the connection stays."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vaurien.toxics.base import BaseToxic, Ending, Item

Finite = Annotated[float, Meta(ge=-1e308, le=1e308)]


class PacketLoss(BaseToxic):
    """Drops whole chunks: the bytes are missing, for nobody sends them again."""

    name = 'packet_loss'
    options = {
        'loss_rate': ('Probability, from 0 to 1, that a chunk is dropped', Finite, 0.0),
        'correlation': ('What is added to it when the chunk before was dropped', Finite, 0.0),
    }
    _lost = False

    def emit(self, now: float) -> Item | None:
        """The next chunk that is not dropped."""
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
