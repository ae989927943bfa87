"""Data that arrive twice.

sent       a b c
received   a bb c
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vaurien.toxics.base import BaseToxic, Ending, Item


class Duplicate(BaseToxic):
    """Sends some chunks twice in a row."""

    name = 'duplicate'
    options = {'probability': ('Probability that a chunk is sent twice', Annotated[float, Meta(ge=0, le=1)], 1.0)}

    def emit(self, now: float) -> Item | None:
        """Return the next chunk, once or twice."""
        if not self.queue:
            return None
        item = self.pop()
        if isinstance(item, Ending) or self.random.random() >= self.option('probability'):
            return item
        return item + item
