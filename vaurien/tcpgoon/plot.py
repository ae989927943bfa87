"""The record of a test as a picture: connections over time, and the distribution of response times."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from vaurien.console.percentiles import Spread
from vaurien.console.picture import save
from vaurien.tcpgoon.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches of the row of one test.
WIDTH, HEIGHT = 10.0, 3.6
BINS = 40
#: If the longest time is more than so many times the shortest, the scale is logarithmic.
FAR_APART = 50

GREEN, RED, GREY = '#2a9d4a', '#d1495b', '#8d99ae'


def draw(path: Path, tests: Sequence[tuple[str, Record]]) -> None:
    """Write the picture, with a row for each test under its title; raise `ConfigError`."""
    from matplotlib.figure import Figure  # takes a while

    figure = Figure(figsize=(WIDTH, HEIGHT * len(tests)), layout='constrained')
    rows = figure.subplots(len(tests), 2, squeeze=False, width_ratios=(3, 2))
    for (title, record), (left, right) in zip(tests, rows, strict=True):
        draw_connections(left, title, record)
        draw_times(right, record)
    save(figure, path)


def draw_connections(axes: Axes, title: str, record: Record) -> None:
    """Draw how many connections were established, had failed or had been closed, over time."""
    changes = sorted([*((at, 1) for at in record.established_at), *((at, -1) for at in record.closed_at)])
    curves = (
        ('established', GREEN, [at for at, _ in changes], list(accumulate(change for _, change in changes))),
        ('failed', RED, list(record.failed_at), list(range(1, record.failed + 1))),
        ('closed by the server', GREY, list(record.closed_at), list(range(1, record.closed + 1))),
    )
    end = record.over_at or 0.0
    for label, color, times, counts in curves:
        if times:
            axes.step([0.0, *times, end], [0, *counts, counts[-1]], where='post', label=label, color=color)
    axes.set(title=title, xlabel='seconds', ylabel='connections')
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()


def draw_times(axes: Axes, record: Record) -> None:
    """Draw the distribution of response times."""
    axes.set(title='response time', xlabel='milliseconds', ylabel='connections')
    spread = Spread.of(record.responses)
    if spread is None:
        axes.text(0.5, 0.5, 'none was established', ha='center', va='center', transform=axes.transAxes)
        return
    low, high = spread.min * 1000, spread.max * 1000
    edges: int | list[float] = BINS
    if high > FAR_APART * low > 0:
        edges = [low * (high / low) ** (step / BINS) for step in range(BINS + 1)]
        axes.set_xscale('log')
    axes.hist([seconds * 1000 for seconds in record.responses], bins=edges, color=GREEN)
    for name, style in (('p50', '-'), ('p90', '--'), ('p99', ':')):
        value = getattr(spread, name) * 1000
        axes.axvline(value, color='black', linestyle=style, linewidth=1, label=f'{name} {value:.3g} ms')
    axes.legend()
