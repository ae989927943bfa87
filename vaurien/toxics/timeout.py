"""A connection that went silent: no data pass, and after a while the connection is closed.

sent       a  b
received            close
"""

from __future__ import annotations

from math import inf

from vaurien.toxics.base import BaseToxic, Ending, Item, Milliseconds


class Timeout(BaseToxic):
    """Drops all data, and closes the link when none has arrived for a while. The end of the stream passes."""

    name = 'timeout'
    options = {'timeout': ('Milliseconds without data until the link is closed; 0: never', Milliseconds, 0)}
    closes_when_removed = True
    needs_no_backend = True

    def emit(self, now: float) -> Item | None:
        """Drop data. Return an end that arrived, or the end that the timeout brings."""
        while self.queue:
            item = self.pop()
            if isinstance(item, Ending):
                return item
            self.since = now
        timeout = self.option('timeout') / 1000
        self.next_step = self.since + timeout if timeout > 0 and not self.ended else inf
        if self.next_step > now:
            return None
        self.next_step, self.ended = inf, True
        return Ending.CLOSE

    def interrupt(self, now: float) -> None:
        """Begin the timeout again."""
        self.since = now
