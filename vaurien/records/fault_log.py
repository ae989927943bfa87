"""The last faults of a proxy."""

from __future__ import annotations

from collections import deque

from vaurien.records.faults import Fault
from vaurien.records.observer import Observer

#: How many faults a proxy remembers.
KEPT = 1000


class FaultLog(Observer):
    """Keeps the last `KEPT` faults and, for tests that wait for one, those that nobody has taken yet."""

    def __init__(self) -> None:
        self._kept: deque[Fault] = deque(maxlen=KEPT)
        self._untaken: deque[Fault] = deque(maxlen=KEPT)

    def on_fault(self, fault: Fault) -> None:
        """Keep the newest fault."""
        self._kept.append(fault)
        self._untaken.append(fault)

    def last(self) -> list[Fault]:
        """Return the faults that are kept, the oldest first."""
        return list(self._kept)

    def clear(self) -> None:
        """Forget all faults."""
        self._kept.clear()
        self._untaken.clear()

    def take(self) -> Fault | None:
        """Return the oldest fault since rules were last armed that was not taken before, or None."""
        return self._untaken.popleft() if self._untaken else None

    def forget_untaken(self) -> None:
        """Give up the faults that nobody has taken."""
        self._untaken.clear()
