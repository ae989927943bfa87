"""Rows of values: a table for people, lines with tabs for programs, both with headings."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from unicodedata import east_asian_width

import msgspec

from vaurien.console.output import is_terminal, make_printable, print_line

#: What is between two columns.
GAP = '   '


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
        print_line(format_table(columns, found))
    else:
        print_line(nothing)


def format_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Collection[str] = ()) -> str:
    """Return a table with headings, each column as wide as it has to be; those named in *numbers* are flush right."""
    lines = [columns, *(list(map(format_cell, row)) for row in rows)]
    widths = [max(map(_measure, cells)) for cells in zip(*lines, strict=True)]

    def align(line: Sequence[str]) -> str:
        padded = []
        for column, cell, width in zip(columns, line, widths, strict=True):
            space = ' ' * (width - _measure(cell))
            padded.append(space + cell if column in numbers else cell + space)
        return GAP.join(padded).rstrip()

    return '\n'.join(map(align, lines))


def _measure(text: str) -> int:
    """Return how many columns of a terminal *text* takes (Unicode Standard Annex 11)."""
    return sum(2 if east_asian_width(char) in 'FW' else 1 for char in text)


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
