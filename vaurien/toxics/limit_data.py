"""So many bytes, and no more."""

from __future__ import annotations

from vaurien.toxics.base import BaseToxic, Ending, Int64, Item


class LimitData(BaseToxic):
    """Closes the link after so many bytes, counted from when it was first on it."""

    name = 'limit_data'
    options = {'bytes': ('Bytes that pass', Int64, 0)}
    _passed = 0
    _closing = False

    @property
    def is_holding(self) -> bool:
        """Or whether the end is."""
        return self._closing or super().is_holding

    def emit(self, now: float) -> Item | None:
        """As much as may pass; then the end of the link."""
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
        """The end that was due comes."""
        end: list[Item] = [Ending.CLOSE] if self._closing else []
        return end + super().leave(now)
