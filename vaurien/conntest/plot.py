"""``plot``: a report as a picture."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaurien.conntest.messages import Report, Result
from vaurien.conntest.report import read_report, times_of
from vaurien.conntest.summary import format_ms
from vaurien.console.percentiles import Spread
from vaurien.console.picture import check_picture, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches.
SIZE = (10.0, 6.0)
#: The colours of the percentiles.
LINES = {'p50': 'tab:green', 'p90': 'tab:orange', 'p99': 'tab:purple'}


def command(given: argparse.Namespace) -> int:
    """Draw the report and return 0; raise `ConfigError`."""
    check_picture(given.output)
    draw(read_report(given.report), given.output)
    return 0


def draw(report: Report, path: Path) -> None:
    """Draw round trips over the numbers of the runs, with percentiles and errors; raise `ConfigError`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout='constrained')
    axes = figure.add_subplot(xlabel='run', ylabel='round trip (ms)')
    axes.set_title(_title(report), parse_math=False)
    results = report.results or []
    _draw_points(axes, [result for result in results if not result.error], '.', markersize=3)
    if spread := Spread.of(times_of(results)):
        for name, color in LINES.items():
            time = getattr(spread, name)
            axes.axhline(time / 1e6, color=color, linewidth=1, label=f'{name} {format_ms(time)}')
    if bad := [result for result in results if result.error]:
        _draw_points(axes, bad, 'x', color='tab:red', label=f'{len(bad)} errors')
    axes.set_ylim(bottom=0)
    if results:
        figure.legend(loc='outside lower center', ncols=4)
    save(figure, path)


def _draw_points(axes: Axes, results: Sequence[Result], mark: str, **style: Any) -> None:
    numbers = [result.run_count for result in results]
    axes.plot(numbers, [result.client_duration_ns / 1e6 for result in results], mark, **style)


def _title(report: Report) -> str:
    group = report.client_run_group
    count = len(report.results or [])
    return f'{group.description or group.run_group_id}: {count} runs, {max(group.concurrency, 1)} at a time'
