"""Locust's HTML report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaurien.console.files import check_writable, write_file
from vaurien.loads.outputs.base import Output

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run


class HTML(Output):
    """Writes the report of Locust, with charts, to one file."""

    name = 'html'
    options = {'filename': ('File to write', str, 'loads.html')}

    def start(self, run: Run) -> None:
        check_writable(self.option('filename'))

    def tick(self, run: Run) -> None:
        run.note_history()

    def finish(self, run: Run, report: Report) -> None:
        from locust.html import get_html_report

        run.note_history()
        page = get_html_report(run.environment, show_download_link=False)
        write_file(self.option('filename'), page.encode())
