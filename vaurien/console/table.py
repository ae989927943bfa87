"""Rows of values: a table for people, lines with tabs for programs, both with headings."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from vaurien.console.output import is_terminal, make_printable, print_line, print_styled

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

#: Characters of a line where there is no terminal to tell how many fit.
WIDTH = 120


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str = '') -> None:
    """Print a table on a terminal, or *nothing* where there are no rows.

    Elsewhere print a line for each row, with tabs. The first one has the columns, also where there are no rows: so that
    a program can rely on it.
    """
    found = list(rows)
    if not is_terminal(sys.stdout):
        for row in (columns, *found):
            print_line('\t'.join(map(format_cell, row)))
    elif found:
        print_table(columns, found)
    else:
        print_line(nothing)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Collection[str] = ()) -> None:
    """Print a table with headings, also where there is no terminal. The columns named in *numbers* are flush right."""
    from rich.console import Console  # late: most commands do without

    console = Console(width=None if is_terminal(sys.stdout) else WIDTH, markup=False, emoji=False, highlight=False)
    print_drawn(console, make_table(columns, rows, numbers))


def print_drawn(console: Console, drawn: RenderableType, *, end: str = '\n') -> bool:
    """Print to the standard output what rich draws, in lines that are not cut; return as `print_line` does."""
    with console.capture() as capture:
        console.print(drawn, end=end, soft_wrap=isinstance(drawn, str))
    return print_styled(capture.get())


def make_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Collection[str] = (), title: str | None = None
) -> Table:
    """Return a table in the style of all commands, for rich to print."""
    from rich.table import Table

    table = Table(title=title, title_justify='left', box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, justify='right' if column in numbers else 'left', overflow='fold')
    for row in rows:
        table.add_row(*map(format_cell, row))
    return table


def format_cell(value: Any) -> str:
    """Return a value as one cell: no tab, no line end, nothing that a terminal would obey; ``-`` for None."""
    if value is None or value == []:
        return '-'
    if isinstance(value, list):
        return ', '.join(map(format_cell, value))
    if isinstance(value, dict):
        return format_cell([f'{name}={format_cell(inner)}' for name, inner in value.items()])
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return make_printable(text)
