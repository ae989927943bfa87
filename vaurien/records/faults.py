"""The last faults of a proxy, as data."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

#: How many faults a proxy remembers.
KEPT = 1000


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A behavior applied to an exchange."""

    #: Seconds since the epoch.
    time: float
    #: The number of the link, and the number of the exchange on this link. Both begin with 1.
    link: int
    exchange: int
    behavior: str
    #: The value of every option of the behavior, ready for JSON.
    options: dict[str, Any]
    #: The text of the request, such as ``GET /orders/7``.
    request: str


class FaultLog:
    """The last `KEPT` faults, and those among them that no waiting test has taken yet."""

    def __init__(self) -> None:
        self._kept: deque[Fault] = deque(maxlen=KEPT)
        self._untaken: deque[Fault] = deque(maxlen=KEPT)

    def add(self, fault: Fault) -> None:
        """Record a fault."""
        self._kept.append(fault)
        self._untaken.append(fault)

    def last(self) -> list[Fault]:
        """Return the recorded faults, the oldest first."""
        return list(self._kept)

    def clear(self) -> None:
        """Forget all faults."""
        self._kept.clear()
        self._untaken.clear()

    def take(self) -> Fault | None:
        """Return the oldest fault that was not taken before, or None. Faults before the last `renew` do not count."""
        return self._untaken.popleft() if self._untaken else None

    def renew(self) -> None:
        """Let `take` skip the faults recorded so far."""
        self._untaken.clear()
