"""The summary in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaurien.console.files import check_writable, write_file
from vaurien.loads.outputs.base import Output
from vaurien.loads.summary import summarize

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run


class File(Output):
    """Writes the summary to a file."""

    name = 'file'
    options = {'filename': ('File to write', str, 'loads.txt')}

    def start(self, run: Run) -> None:
        check_writable(self.option('filename'))

    def finish(self, run: Run, report: Report) -> None:
        write_file(self.option('filename'), summarize(report).encode())
