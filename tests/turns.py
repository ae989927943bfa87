"""Whose turn it is where several workers of pytest-xdist run tests: one marked ``serial`` runs beside no other.

Workers are processes, so the turns are locks on files. Every test holds the room, a serial one holds it alone. A test
passes the door first and waits in it for the room, so that the others cannot keep a serial test out for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fcntl import LOCK_EX, LOCK_SH, flock
from pathlib import Path

ROOM = Path(__file__)
DOOR = ROOM.parent


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Wait until a test may run, *alone* or beside others, and let the next one in afterwards."""
    with ExitStack() as stack:
        with locked(DOOR):
            stack.enter_context(locked(ROOM, LOCK_EX if alone else LOCK_SH))
        yield


@contextmanager
def locked(path: Path, operation: int = LOCK_EX) -> Iterator[None]:
    """Hold a lock on a file or a folder that exists."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)  # and with it the lock
