"""Rows of values: a table for people, lines with tabs for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from vaurien.console.output import say


def is_terminal() -> bool:
    """Whether it is people who read what is printed."""
    return sys.stdout is not None and sys.stdout.isatty()


def say_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str = '') -> None:
    """Print a table with headings on a terminal, or what to say where there is *nothing*; elsewhere, bare lines."""
    cells = [[spell(value) for value in row] for row in rows]
    if not is_terminal():
        if cells:
            say('\n'.join('\t'.join(row) for row in cells))
    elif cells:
        _draw(columns, cells)
    else:
        say(nothing)


def spell(value: Any) -> str:
    """A value as the text of one cell: no tab, no line end, nothing that a terminal would obey; ``-`` for none."""
    if value is None or value == []:
        return '-'
    if isinstance(value, list):
        return ', '.join(map(spell, value))
    if isinstance(value, dict):
        return spell([f'{name}={spell(inner)}' for name, inner in value.items()])
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if text.isprintable() else text.encode('unicode_escape').decode()


def _draw(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # late: most do without
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, overflow='fold')
    for row in cells:
        table.add_row(*row)
    Console(markup=False, emoji=False, highlight=False).print(table)
