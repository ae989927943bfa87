"""How a command is told to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import gevent


def on_end(end: Callable[[], object], status: int | None = None) -> list[Any]:
    """Have *end* called, in a greenlet, at the first SIGINT or SIGTERM; a second one ends the process at once.

    It ends with *status*, or as shells tell which signal it was. Gives the watchers, for whoever is to cancel them.
    """
    told = False

    def tell(signum: int) -> None:
        nonlocal told
        if told:
            os._exit(128 + signum if status is None else status)
        told = True
        end()

    return [gevent.signal_handler(signum, tell, signum) for signum in (signal.SIGINT, signal.SIGTERM)]
