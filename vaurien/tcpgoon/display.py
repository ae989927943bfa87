"""The status during a test: one line with a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol, TextIO

from vaurien.console.drawing import can_draw
from vaurien.console.output import print_line
from vaurien.console.progress import ProgressLine
from vaurien.tcpgoon.dialer import Dialer
from vaurien.tcpgoon.report import format_status
from vaurien.tcpgoon.settings import Settings

#: Seconds between two pictures on a terminal, and seconds that a rate is averaged over.
REFRESH = 0.1
RATE_OVER = 1.0


class Display(Protocol):
    """Shows the status of a dialer between `begin` and `end`."""

    def begin(self) -> None:
        """Show it from now on."""

    def end(self) -> None:
        """Stop showing it."""


def make_display(dialer: Dialer, settings: Settings, stream: TextIO) -> Display:
    """Return the display that fits *stream*."""
    if can_draw(stream) and not settings.verbose:  # log records would tear the line apart
        return LiveLine(dialer, stream)
    return PlainLines(dialer, settings.interval, stream)


class PlainLines:
    """Prints a line at the start, one every *interval* seconds (0: none), and one at the end if anything changed."""

    def __init__(self, dialer: Dialer, interval: float, stream: TextIO) -> None:
        self._dialer = dialer
        self._stream = stream
        self._timer = dialer.loop.timer(interval, interval) if interval else None
        self._last = ''

    def begin(self) -> None:
        """Show it from now on."""
        self._show()
        if self._timer is not None:
            self._timer.start(self._show, update=True)

    def end(self) -> None:
        """Show how it ended."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
        if format_status(self._dialer.record) != self._last:
            self._show()

    def _show(self) -> None:
        self._last = format_status(self._dialer.record)
        print_line(self._last, self._stream)


class LiveLine:
    """Draws a bar, a rate and the counts on one line, which is erased at the end."""

    def __init__(self, dialer: Dialer, stream: TextIO) -> None:
        self._dialer = dialer
        self._line = ProgressLine(dialer.record.total, stream)
        self._timer: Any = dialer.loop.timer(REFRESH, REFRESH)
        #: Seconds since the start, and how many connections were settled then.
        self._samples = deque([(0.0, 0)], maxlen=round(RATE_OVER / REFRESH))

    def begin(self) -> None:
        """Show it from now on."""
        self._show()
        self._line.begin()
        self._timer.start(self._show, update=True)

    def end(self) -> None:
        """Erase the line, and show the cursor again."""
        self._timer.stop()
        self._timer.close()
        self._line.end()

    def _show(self) -> None:
        self._line.show(self._dialer.record.settled, self._describe())

    def _describe(self) -> str:
        record = self._dialer.record
        counts = f'established {record.established}, closed {record.closed}, error {record.failed}'
        left = self._dialer.hold_left
        if left is not None:
            return f'holding for {left:.0f} s more  {counts}'
        return f'{record.settled}/{record.total} {self._rate():.0f}/s  dialing {record.dialing}, {counts}'

    def _rate(self) -> float:
        """Return the connections that were settled per second, lately."""
        now, settled = self._dialer.elapsed, self._dialer.record.settled
        then, before = self._samples[0]
        self._samples.append((now, settled))
        return (settled - before) / (now - then)
