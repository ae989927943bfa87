"""A connection that ends late: data pass at once, the end of the stream waits.

sent       a b end
received   a b       end
"""

from __future__ import annotations

from vaurien.toxics.base import BaseToxic, Ending, Item, Milliseconds


class SlowClose(BaseToxic):
    """Delays the end of the stream, and nothing else."""

    name = 'slow_close'
    options = {'delay': ('Delay in milliseconds', Milliseconds, 0)}

    def release_time(self, arrived: float, item: Item, now: float) -> float:
        """Count the delay from when the end becomes the first. Neither data nor a reset by the source are delayed."""
        is_delayed = isinstance(item, Ending) and item is not Ending.BREAK
        return now + self.option('delay') / 1000 if is_delayed else now

    def interrupt(self, now: float) -> None:
        """Begin the whole delay again."""
        self._head_release = None
