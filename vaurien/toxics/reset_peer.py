"""A connection that is reset while it is in use.

sent       a  b
received         reset
"""

from __future__ import annotations

from math import inf

from vaurien.toxics.base import BaseToxic, Ending, Item, Milliseconds


class ResetPeer(BaseToxic):
    """Drops all data and, some time after the first, resets both connections. Links older than the toxic are closed."""

    name = 'reset_peer'
    options = {'timeout': ('Milliseconds from the first data, or the end of the stream, to the reset', Milliseconds, 0)}
    _deadline = inf

    @property
    def is_holding(self) -> bool:
        """Whether a reset is still to come."""
        return self._deadline < inf or super().is_holding

    def emit(self, now: float) -> Item | None:
        """Drop data. Return the reset at its deadline."""
        if self.queue:
            self.queue.clear()
            self._deadline = min(self._deadline, now + self.option('timeout') / 1000)
        self.next_step = self._deadline
        if self.next_step > now:
            return None
        self.next_step = self._deadline = inf
        return self._make_ending()

    def interrupt(self, now: float) -> None:
        """Keep the deadline."""

    def leave(self, now: float) -> list[Item]:
        """Return the reset, if data were dropped for it."""
        if self._deadline == inf:
            return super().leave(now)
        self._deadline = inf
        self.queue.clear()
        return [self._make_ending()]

    def _make_ending(self) -> Ending:
        return Ending.RESET if self.fresh else Ending.CLOSE
