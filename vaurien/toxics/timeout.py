"""Nothing comes through, and after a while the connection is closed."""

from __future__ import annotations

from math import inf

from vaurien.toxics.base import BaseToxic, Ending, Int64, Item


class Timeout(BaseToxic):
    """Drops all data, and closes the link when none has come for a while. An end passes."""

    name = 'timeout'
    options = {'timeout': ('Milliseconds without data until it closes; 0: never', Int64, 0)}
    closes_when_removed = True

    def emit(self, now: float) -> Item | None:
        """Nothing but an end, or that of patience."""
        while self.queue:
            item = self.pop()
            if isinstance(item, Ending):
                return item
            self.since = now
        patience = self.option('timeout') / 1000
        self.due = self.since + patience if patience > 0 and not self.ended else inf
        if self.due > now:
            return None
        self.due, self.ended = inf, True
        return Ending.CLOSE

    def interrupt(self, now: float) -> None:
        """The time begins again."""
        self.since = now
