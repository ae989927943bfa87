"""The summary on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaurien.console.output import print_line
from vaurien.loads.outputs.base import Output
from vaurien.loads.summary import draw_bar, summarize

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run


class Stdout(Output):
    """Prints the full bar and the summary."""

    name = 'stdout'

    def finish(self, run: Run, report: Report) -> None:
        print_line(f'{draw_bar(run.progress())}\n\n{summarize(report).rstrip()}')
