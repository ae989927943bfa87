"""Ctrl-C and SIGTERM: the first ends in order what goes on, the second ends the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vaurien.console.signals import on_end


@contextmanager
def interruptible(end: Callable[[], None]) -> Iterator[None]:
    """Within the block, have the first signal call *end*."""
    watchers = on_end(end, status=1)
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.cancel()
