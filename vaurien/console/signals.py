"""How Ctrl-C and SIGTERM end a command: in order the first time, at once the second time."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vaurien.console.output import can_redraw

#: Printed over whatever is on the line: the ``^C`` of the terminal, or a progress bar.
ANNOUNCEMENT = b'\r\x1b[2Kending; Ctrl-C again ends at once\n'


@contextmanager
def on_signals(end: Callable[[], object], status: int | None = None) -> Iterator[None]:
    """Call *end* at the first SIGINT or SIGTERM within the block; at the second one, end the process at once.

    The exit status is then *status*, by default 128 + the number of the signal, as shells have it. *end* is called in
    the signal handler, which interrupts any code at any place: it must not wait, and should do as little as it can.
    """
    is_ending = False

    def handle(number: int, frame: object) -> None:
        nonlocal is_ending
        if is_ending:
            os._exit(128 + number if status is None else status)
        is_ending = True
        if can_redraw(sys.stderr):
            os.write(sys.stderr.fileno(), ANNOUNCEMENT)  # print() is not reentrant, and may be under way
        end()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def on_signals_in_loop(end: Callable[[], object], status: int | None = None) -> Iterator[None]:
    """Do the same where gevent's event loop runs: call *end* in a greenlet of its own, which may wait.

    The second signal needs no event loop: it also ends a process whose loop is held up.
    """
    from gevent import get_hub  # late: not all commands have it
    from gevent.pool import Group

    greenlets = Group()
    watcher = get_hub().loop.async_()  # it also keeps a loop alive that waits for nothing but a signal
    watcher.start(greenlets.spawn, end)
    try:
        with on_signals(watcher.send, status):
            yield
    finally:
        watcher.stop()
        watcher.close()
