"""Locust's CSV files."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

from vaurien.console.files import check_writable, write_file, writing
from vaurien.errors import UnwrittenError
from vaurien.loads.outputs.base import Output

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run


class CSV(Output):
    """Writes PREFIX_stats.csv, _stats_history.csv (a row for each second), _failures.csv and _exceptions.csv."""

    name = 'csv'
    options = {'prefix': ('Beginning of the names of the files', str, 'loads')}

    def start(self, run: Run) -> None:
        from locust.stats import PERCENTILES_TO_REPORT, StatsCSVFileWriter

        prefix = self.option('prefix')
        check_writable(f'{prefix}_stats.csv')
        self._writer: Any = StatsCSVFileWriter(run.environment, PERCENTILES_TO_REPORT, prefix, full_history=True)
        self._history = self._writer.stats_history_csv_writer
        self._history.writerow(self._writer.stats_history_csv_columns)

    def tick(self, run: Run) -> None:
        self._writer._stats_history_data_rows(self._history, run.now())
        self._writer.stats_history_flush()

    def finish(self, run: Run, report: Report) -> None:
        with writing(f'{self.option("prefix")}_stats_history.csv', UnwrittenError):
            self.tick(run)
            self._writer.close_files()
        for kind in ('requests', 'failures', 'exceptions'):
            path = f'{self.option("prefix")}_{"stats" if kind == "requests" else kind}.csv'
            rows = StringIO(newline='')
            getattr(self._writer, f'{kind}_csv')(csv.writer(rows))
            write_file(path, rows.getvalue().encode())
