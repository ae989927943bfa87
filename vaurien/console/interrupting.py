"""Ctrl-C while a command is being imported. It imports next to nothing, so that a command may import it first."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vaurien.console.statuses import INTERRUPTED


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process at once and silently within the block, in which a command is imported.

    Nothing has begun then. An import would say where it was, and Python makes a `RuntimeError` of a `KeyboardInterrupt`
    that comes while a class is made. A command that a shell has started in the background goes on ignoring Ctrl-C.
    """
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_usual:
        with suppress(ValueError):  # not in the main thread, which alone is interrupted
            signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _end and is_usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: object) -> None:
    os._exit(INTERRUPTED)
