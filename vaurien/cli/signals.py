"""How a command is told to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import gevent


def on_end(end: Callable[[], object]) -> None:
    """Have *end* called, in a greenlet, at the first SIGINT or SIGTERM; a second one ends the process at once."""
    told = False

    def tell(signum: int) -> None:
        nonlocal told
        if told:
            os._exit(128 + signum)
        told = True
        end()

    for signum in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(signum, tell, signum)
