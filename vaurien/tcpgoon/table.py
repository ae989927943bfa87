"""What came of the tests of an application, a row for each instance."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vaurien.console.percentiles import Spread
from vaurien.tcpgoon.duration import format_seconds
from vaurien.tcpgoon.result import Result

COLUMNS = ('instance', 'address', 'established', 'closed', 'error', 'avg', 'p99', 'exit status')
#: Columns of text where there is no terminal to say how many fit.
WIDTH = 120


def print_table(results: Sequence[Result]) -> None:
    """Print it to the standard output."""
    from rich.console import Console  # both take a while
    from rich.table import Table

    table = Table()
    for name in COLUMNS:
        table.add_column(name, justify='left' if name in ('instance', 'address') else 'right', overflow='fold')
    for result in results:
        record = result.record
        spread = Spread.of(record.responses)
        times = [format_seconds(spread.avg), format_seconds(spread.p99)] if spread else ['', '']
        counts = map(str, (record.total_established, record.closed, record.failed))
        address = str(result.test.recipe.target.address)
        table.add_row(result.test.title, address, *counts, *times, str(result.exit_status))
    Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False).print(table)
