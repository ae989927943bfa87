"""The progress of a run, while it goes on."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import gevent

from vaurien.console.drawing import can_draw
from vaurien.console.output import make_printable, print_line
from vaurien.console.progress import ProgressLine

if TYPE_CHECKING:
    from vaurien.loads.users.run import Run

#: Seconds to wait for something before a line says so.
WAITING_AFTER = 0.5
#: Seconds between two drawings of the bar, and between two lines where there is no terminal.
REFRESH = 0.5
LINE_EVERY = 10.0


def show_progress(run: Run) -> None:
    """Show the progress on standard error, until the greenlet is killed.

    That is a bar on a terminal, or a line now and then elsewhere; and a line for what the run waits for.
    """
    line = ProgressLine(1.0, sys.stderr, in_full=True) if can_draw(sys.stderr) else None
    waiting = Waiting()
    printed = time.monotonic()
    try:
        while True:
            waiting.show(run.waiting)
            if run.started is None:
                pass
            elif line is not None:
                line.show(run.progress(), _describe(run))
                line.begin()
            elif time.monotonic() - printed > LINE_EVERY:
                printed = time.monotonic()
                print_line(f'{run.progress():.0%} {_describe(run)}, {run.duration:.0f} s', sys.stderr)
            gevent.sleep(REFRESH)
    finally:
        if line is not None:
            line.end()


def _describe(run: Run) -> str:
    stats = run.stats
    return f'{stats.hits} hits, {run.users} users, {stats.error} errors, {stats.failure} failures'


class Waiting:
    """Says what a run waits for, once that takes a while."""

    def __init__(self) -> None:
        self._text = self._said = ''
        self._since = 0.0

    def show(self, text: str) -> None:
        """Take what it waits for now, and print a line if that is worth one."""
        now = time.monotonic()
        if text != self._text:
            self._text, self._since = text, now
        if text not in ('', self._said) and now - self._since > WAITING_AFTER:
            self._said = text
            print_line(make_printable(f'{text} (Ctrl-C ends)'), sys.stderr)
