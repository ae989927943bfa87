"""Ctrl-C and SIGTERM: the first ends in order what goes on, the second ends the process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent


@contextmanager
def interruptible(end: Callable[[], None]) -> Iterator[None]:
    """Within the block, have the first signal call *end*."""
    happened = False

    def on_signal() -> None:
        nonlocal happened
        if happened:
            os._exit(1)
        happened = True
        end()

    watchers = [gevent.signal_handler(signum, on_signal) for signum in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.cancel()
