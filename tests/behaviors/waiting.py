"""Waiting for what another thread does."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from tests.servers import TIMEOUT

#: Seconds between two looks, if a look takes next to no time.
INTERVAL = 0.002


def eventually(check: Callable[[], object], interval: float = INTERVAL, timeout: float = TIMEOUT) -> None:
    """Return as soon as *check* holds. Raise `AssertionError` if it does not within *timeout* seconds."""
    deadline = monotonic() + timeout
    while not check():
        assert monotonic() < deadline, 'it never came to that'
        sleep(interval)
