"""The progress of a run, while it goes on."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import gevent

from vaurien.console.output import can_redraw, make_printable, print_line
from vaurien.loads.summary import draw_bar

if TYPE_CHECKING:
    from vaurien.loads.users.run import Run

#: Seconds to wait for something before a line says so.
WAITING_AFTER = 0.5
#: Seconds between two drawings of the bar, and between two lines where there is no terminal.
REFRESH = 0.2
LINE_EVERY = 10.0


class Progress:
    """A bar on a terminal, or a line now and then elsewhere; and a line for what the run waits for."""

    def __init__(self, run: Run, *, is_bar: bool, quiet: bool) -> None:
        self._run = run
        self._is_bar = is_bar and can_redraw(sys.stdout)
        self._quiet = quiet
        self._drawn = False
        self._shown = ''

    def show(self) -> None:
        """Show the progress until the greenlet is killed."""
        printed = since = time.monotonic()
        waiting = ''
        while not self._quiet:
            run = self._run
            if run.waiting != waiting:
                waiting, since = run.waiting, time.monotonic()
            if waiting not in ('', self._shown) and time.monotonic() - since > WAITING_AFTER:
                self._shown = waiting
                print_line(make_printable(f'{waiting} (Ctrl-C ends)'), sys.stderr)
            if run.started is not None:
                if self._is_bar:
                    self._draw()
                elif time.monotonic() - printed > LINE_EVERY:
                    printed = time.monotonic()
                    self._print()
            gevent.sleep(REFRESH)

    def clear(self) -> None:
        """Clear the bar, to make room for the summary."""
        if self._drawn:
            sys.stdout.write('\r\x1b[K')

    def _draw(self) -> None:
        self._drawn = True
        run = self._run
        bar = f'{draw_bar(run.progress())}  {run.stats.hits} hits, {run.users} users'
        sys.stdout.write(f'\r\x1b[K{bar}')
        sys.stdout.flush()

    def _print(self) -> None:
        run = self._run
        done = f'{100 * run.progress():.0f}%, {run.stats.hits} hits, {run.users} users, {run.duration:.0f} s'
        print_line(f'{done}, {run.stats.error} errors, {run.stats.failure} failures', sys.stderr)
