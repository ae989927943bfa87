"""A connection that is closed after so many bytes.

sent       abc def
received   abc d close
"""

from __future__ import annotations

from vaurien.toxics.base import BaseToxic, Bytes, Ending, Item


class LimitData(BaseToxic):
    """Closes the link after a number of bytes, counted from when the toxic was first on the link."""

    name = 'limit_data'
    options = {'bytes': ('Number of bytes that pass', Bytes, 0)}
    _passed = 0
    _closing = False

    @property
    def is_holding(self) -> bool:
        """Whether the end of the link is still to come, or a chunk waits."""
        return self._closing or super().is_holding

    def emit(self, now: float) -> Item | None:
        """Return as much of the next chunk as may pass, then the end of the link."""
        if self._closing:
            self._closing = False
            return Ending.CLOSE
        if not self.queue:
            return None
        item = self.pop()
        if isinstance(item, Ending):
            return item
        room = max(0, self.option('bytes') - self._passed)
        self._passed += min(room, len(item))
        if len(item) < room:
            return item
        self._closing = room > 0
        return item[:room] or Ending.CLOSE

    def leave(self, now: float) -> list[Item]:
        """Return the end of the link, if the limit was reached, then what waits."""
        end: list[Item] = [Ending.CLOSE] if self._closing else []
        return end + super().leave(now)
