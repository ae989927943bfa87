"""What was hit: the last faults of a proxy, as data."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

#: How many faults a proxy remembers.
KEPT = 1000


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange that a behavior was applied to."""

    #: Seconds since the epoch.
    time: float
    #: The numbers of the link, and of the exchange on it.
    link: int
    exchange: int
    behavior: str
    #: Every option of the behavior, with its value as JSON has it.
    options: dict[str, Any]
    #: The text of the request: ``GET /orders/7``.
    request: str


class FaultLog:
    """The last `KEPT` faults; and, for those who wait, which of them nobody has taken yet."""

    def __init__(self) -> None:
        self._kept: deque[Fault] = deque(maxlen=KEPT)
        self._untaken: deque[Fault] = deque(maxlen=KEPT)

    def add(self, fault: Fault) -> None:
        """The newest one."""
        self._kept.append(fault)
        self._untaken.append(fault)

    def last(self) -> list[Fault]:
        """Those that are remembered, the oldest first."""
        return list(self._kept)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._untaken.clear()

    def take(self) -> Fault | None:
        """The oldest since `renew` that was not taken before; None: there is none."""
        return self._untaken.popleft() if self._untaken else None

    def renew(self) -> None:
        """Nobody is to take what has been until now."""
        self._untaken.clear()
