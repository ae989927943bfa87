"""An end that comes late."""

from __future__ import annotations

from vaurien.toxics.base import BaseToxic, Ending, Int64, Item


class SlowClose(BaseToxic):
    """Delays the end of the stream, and nothing else."""

    name = 'slow_close'
    options = {'delay': ('Milliseconds to delay', Int64, 0)}

    def when(self, arrived: float, item: Item, now: float) -> float:
        """An end waits from when it is its turn; a reset does not."""
        return now + self.option('delay') / 1000 if item in (Ending.END, Ending.CLOSE) else now

    def interrupt(self, now: float) -> None:
        """The whole delay begins again."""
        self._head_due = None
