"""The progress of a client, on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from time import monotonic

from vaurien.conntest.client import Client
from vaurien.console.drawing import can_draw
from vaurien.console.output import print_line
from vaurien.console.progress import ProgressLine

#: Seconds between two pictures of the bar. Each holds up the event loop for a few milliseconds, in which no run can
#: start in time. That must stay well under one run in a hundred.
REFRESH = 1.0
#: Seconds between two lines.
PAUSE = 5.0


def watch(client: Client) -> None:
    """Show how many runs are over, until all are."""
    if can_draw(sys.stderr):
        _watch_live(client)
    else:
        _watch_lines(client)


def _watch_live(client: Client) -> None:
    began = monotonic()
    line = ProgressLine(client.group.run_count, sys.stderr, in_full=True)
    try:
        over = False
        while not over:
            line.show(len(client.runs), _describe(client, monotonic() - began))
            line.begin()
            over = client.wait(REFRESH)
    finally:
        line.end()


def _describe(client: Client, seconds: float) -> str:
    done = len(client.runs)
    rate = done / seconds if seconds else 0
    return f'{done}/{client.group.run_count} {rate:.0f}/s {client.failed} errors'


def _watch_lines(client: Client) -> None:
    while not client.wait(PAUSE):
        print_line(f'{len(client.runs)} of {client.group.run_count} runs, {client.failed} errors', sys.stderr)
