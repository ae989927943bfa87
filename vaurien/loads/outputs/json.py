"""The report as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaurien.console.files import check_writable, write_file
from vaurien.console.output import indent_json, print_line
from vaurien.loads.outputs.base import Output

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run


class JSON(Output):
    """Writes the whole report as a JSON document."""

    name = 'json'
    options = {'filename': ('File to write; - is standard output', str, 'loads.json')}

    @property
    def owns_stdout(self) -> bool:
        return bool(self.option('filename') == '-')

    def start(self, run: Run) -> None:
        if not self.owns_stdout:
            check_writable(self.option('filename'))

    def finish(self, run: Run, report: Report) -> None:
        text = indent_json(report.to_data())
        if self.owns_stdout:
            print_line(text)
        else:
            write_file(self.option('filename'), f'{text}\n'.encode())
