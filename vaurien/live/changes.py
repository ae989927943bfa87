"""The changes of the last minutes, kept also while nobody looks: changes are rare."""

from __future__ import annotations

from collections import deque

from vaurien.live.events import KEPT, PERIOD, ChangeEvent

#: The most changes that are kept.
MOST = 1000


class Changes:
    """Keeps the changes of the last minutes, and for each proxy the last one before them.

    From that one follows what was armed when the minutes began.
    """

    def __init__(self) -> None:
        self._kept: deque[ChangeEvent] = deque()
        self._before: dict[str, ChangeEvent] = {}

    def add(self, change: ChangeEvent) -> None:
        """Keep the newest change."""
        self._kept.append(change)
        self._age(change.time)

    def find(self, now: float, proxy: str = '') -> list[ChangeEvent]:
        """Return the changes that are kept *now*, the oldest first; of one proxy, and the schedule, if it is named."""
        self._age(now)
        before = sorted(self._before.values(), key=lambda change: change.time)
        return [change for change in (*before, *self._kept) if not proxy or change.proxy in (None, proxy)]

    def _age(self, now: float) -> None:
        kept = self._kept
        while kept and (len(kept) > MOST or kept[0].time < now - KEPT * PERIOD):
            old = kept.popleft()
            if old.proxy is not None:
                self._before.pop(old.proxy, None)
                if old.state is not None:
                    self._before[old.proxy] = old
