"""How far a command has come, on one line of a terminal."""

from __future__ import annotations

import sys
from typing import TextIO

from vaurien.console.output import is_terminal


class ProgressLine:
    """A bar with a text beside it, drawn again and again, and erased in the end.

    On a narrow terminal the bar gets shorter first, then the text. With ``NO_COLOR`` there are no colours.
    """

    def __init__(self, total: float, stream: TextIO, *, in_full: bool = False) -> None:
        """Be done at *total*. *stream* is a terminal, on which a line can be drawn again.

        *in_full*, there are also the percentage and the time that is left.
        """
        from rich.console import Console  # late: most commands do without
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self._time_left = TimeRemainingColumn() if in_full else None
        self._progress = Progress(
            BarColumn(bar_width=None),
            TextColumn('{task.description}', markup=False, table_column=Column(no_wrap=True)),
            console=Console(file=stream),
            auto_refresh=False,
            transient=True,
            expand=True,
            # Others may print, and then the line is drawn below that; but what goes to a file still does.
            redirect_stdout=is_terminal(sys.stdout),
            redirect_stderr=is_terminal(sys.stderr),
        )
        self._task = self._progress.add_task('', total=total)

    def show(self, done: float, text: str) -> None:
        """Show that so much is done, and the *text* beside it. What is shown before `begin` is drawn by that."""
        self._progress.update(self._task, completed=done)
        if self._time_left is not None:
            (task,) = self._progress.tasks
            text = f'{task.percentage:3.0f}% {text} {self._time_left.render(task)}'
        self._progress.update(self._task, description=text)
        self._progress.refresh()

    def begin(self) -> None:
        """Draw the line, and hide the cursor. If that was done before, do nothing."""
        self._progress.start()

    def end(self) -> None:
        """Erase the line, and show the cursor again."""
        self._progress.stop()
