"""How far an exploration has come."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console

from vaurien.console.output import can_redraw, make_printable, print_line
from vaurien.console.signals import CLEARED
from vaurien.explore.model import Cell, Explored, Injection


class Progress:
    """Shows how far it has come: on one line of a terminal, or with a line for each cell that is a finding."""

    def __init__(self, explored: Explored) -> None:
        self._explored = explored
        self._is_live = can_redraw(sys.stderr)

    def begin(self, injections: Sequence[Injection]) -> None:
        """Show that a run begins."""
        if not self._is_live:
            return
        findings = sum(cell.worst.is_finding for cell in self._explored.cells)
        tried = ' and '.join(map(str, injections)) or 'without a fault'
        text = make_printable(f'run {self._explored.runs + 1}, findings {findings}: {tried}')
        self._draw(text[: Console(stderr=True).width - 1])

    def note(self, cell: Cell) -> None:
        """Show what has become of a cell."""
        if not self._is_live and cell.worst.is_finding:
            faults = ' and '.join(map(str, cell.injections))
            print_line(make_printable(f'{cell.worst.letter} {faults}'))

    def end(self) -> None:
        """Erase the line."""
        if self._is_live:
            self._draw('')

    def _draw(self, text: str) -> None:
        with suppress(OSError):  # the terminal has gone
            os.write(sys.stderr.fileno(), CLEARED + text.encode())
