"""The progress of a client, on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from vaurien.conntest.client import Client
from vaurien.console.output import can_redraw

#: Seconds between two pictures of the bar. Each holds up the event loop for a few milliseconds, in which no run can
#: start in time. That must stay well under one run in a hundred.
REFRESH = 1.0
#: Seconds between two lines.
PAUSE = 5.0


def watch(client: Client) -> None:
    """Show how many runs are over, until all are."""
    console = Console(stderr=True, highlight=False)
    if can_redraw(sys.stderr):
        _watch_live(client, console)
    else:
        _watch_lines(client, console)


def _watch_live(client: Client, console: Console) -> None:
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn('{task.fields[rate]:.0f}/s'),
        TextColumn('{task.fields[failed]} errors'),
        TimeRemainingColumn(),
    )
    began = monotonic()
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task('', total=client.group.run_count, rate=0, failed=0)
        over = False
        while not over:
            progress.refresh()
            over = client.wait(REFRESH)
            done = len(client.runs)
            rate = done / (monotonic() - began)
            progress.update(task, completed=done, rate=rate, failed=client.failed)


def _watch_lines(client: Client, console: Console) -> None:
    while not client.wait(PAUSE):
        text = f'{len(client.runs)} of {client.group.run_count} runs, {client.failed} errors'
        console.print(text, soft_wrap=True)
