"""A pool with real workers in the process of the test, where nothing is patched."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import gevent.socket
import pytest

from tests.loop import in_loop
from vaurien.console.log import TEXT
from vaurien.workers import pool, worker
from vaurien.workers.pool import Pool
from vaurien.workers.process import Setup

Result = TypeVar('Result')

SETUP = Setup({}, 'critical', '-', TEXT)


def with_pool(monkeypatch: pytest.MonkeyPatch, size: int, function: Callable[[Pool], Result]) -> Result:
    """Return what *function* returns, called in an event loop with a pool of so many workers."""
    monkeypatch.setattr(worker, 'socket', gevent.socket)  # as the command has it, which patches the standard library
    monkeypatch.setattr(pool, 'PAUSE', 0.01)

    def run() -> Result:
        with Pool(size, SETUP) as made:
            return function(made)

    return in_loop(run)
