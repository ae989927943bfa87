"""A connection that is reset while it is in use."""

from __future__ import annotations

from math import inf

from vaurien.toxics.base import BaseToxic, Ending, Int64, Item


class ResetPeer(BaseToxic):
    """Waits after the first data, or the end, then resets both connections; if they are older than it, closes them."""

    name = 'reset_peer'
    options = {'timeout': ('Milliseconds from the first data to the reset', Int64, 0)}
    _deadline = inf

    @property
    def is_holding(self) -> bool:
        """Or whether a reset is due."""
        return self._deadline < inf or super().is_holding

    def emit(self, now: float) -> Item | None:
        """Nothing but the reset."""
        if self.queue:
            self.queue.clear()
            self._deadline = min(self._deadline, now + self.option('timeout') / 1000)
        self.due = self._deadline
        if self.due > now:
            return None
        self.due = self._deadline = inf
        return self._cut()

    def interrupt(self, now: float) -> None:
        """What has begun takes its time."""

    def leave(self, now: float) -> list[Item]:
        """What has begun is done now: the data are gone."""
        if self._deadline == inf:
            return super().leave(now)
        self._deadline = inf
        self.queue.clear()
        return [self._cut()]

    def _cut(self) -> Ending:
        return Ending.RESET if self.fresh else Ending.CLOSE
