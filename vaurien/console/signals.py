"""How Ctrl-C and SIGTERM end a command, in order the first time, at once the second time; and what SIGHUP does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

from vaurien.console.output import can_redraw, is_terminal

READ = 1

#: Seconds after the first signal in which another one is its twin: ``timeout`` of coreutils sends its signal to the
#: command, and then to the group that the command is in. Nobody presses Ctrl-C twice as quickly.
TWIN = 0.2

ANNOUNCEMENT = b'ending; Ctrl-C again ends at once\n'
#: What removes whatever is on the line: the ``^C`` of the terminal, or a progress bar.
CLEARED = b'\r\x1b[2K'
#: What shows the cursor, which a progress bar hides: who is ended at once cannot show it again.
WITH_CURSOR = b'\x1b[?25h'


@contextmanager
def on_signals(end: Callable[[], object]) -> Iterator[None]:
    """Call *end* at the first SIGINT or SIGTERM within the block; at the second one, end the process at once.

    The exit status is then 128 + the number of the signal, as shells have it. A second one that comes within `TWIN`
    seconds does not count. *end* is called in the signal handler, which interrupts any code at any place: it must
    not wait, and should do as little as it can.
    """
    first: float | None = None

    def handle(number: int, frame: object) -> None:
        nonlocal first
        if first is None:
            first = monotonic()
            _announce()
            end()
        elif monotonic() - first >= TWIN:
            os._exit(128 + number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce() -> None:
    """Print that a second Ctrl-C ends at once, where people look on.

    If the terminal is stopped (Ctrl-S), this waits; Ctrl-C goes on with its output, and a second signal ends the wait.
    """
    stream = next(filter(is_terminal, (sys.stderr, sys.stdout)), None)
    if stream is None:
        return
    begin = CLEARED + WITH_CURSOR if can_redraw(stream) else b'\n'
    os.write(stream.fileno(), begin + ANNOUNCEMENT)  # print() is not reentrant, and may be under way


@contextmanager
def on_signals_in_loop(end: Callable[[], object]) -> Iterator[None]:
    """Do the same where gevent's event loop runs: call *end* in a greenlet of its own, which may wait.

    The second signal needs no event loop: it also ends a process whose loop is held up.
    """
    from gevent import get_hub  # late: not all commands have it
    from gevent.pool import Group

    loop, greenlets = get_hub().loop, Group()
    watcher = loop.async_()  # it also keeps a loop alive that waits for nothing but a signal
    watcher.start(greenlets.spawn, end)
    try:
        with _waking(loop), on_signals(watcher.send):
            yield
    finally:
        watcher.stop()
        watcher.close()


@contextmanager
def on_hangup_in_loop(reload: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    """Call *reload* at every SIGHUP within the block; call *end* if it says that the terminal has gone.

    A command that was started on a terminal ends with it, as it would without this. Both are called in a greenlet.
    """
    import gevent

    if not hasattr(signal, 'SIGHUP'):  # Windows
        yield
        return
    terminals = [descriptor for descriptor in range(3) if os.isatty(descriptor)]

    def handle() -> None:
        has_gone = not all(map(os.isatty, terminals))  # hung up, they are terminals no more
        (end if has_gone else reload)()

    watcher = gevent.signal_handler(signal.SIGHUP, handle)
    try:
        yield
    finally:
        watcher.cancel()


@contextmanager
def _waking(loop: Any) -> Iterator[None]:
    """Have every signal wake the event loop: Python's handlers run between two of its own instructions only.

    A signal that comes right before the loop begins to wait would otherwise be handled at the next event, which may
    never come (signal.set_wakeup_fd).
    """
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    watcher = loop.io(read_end, READ)
    watcher.start(_drain, read_end)
    before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        watcher.stop()
        watcher.close()
        os.close(read_end)
        os.close(write_end)


def _drain(descriptor: int) -> None:
    with suppress(BlockingIOError):
        os.read(descriptor, 1024)
