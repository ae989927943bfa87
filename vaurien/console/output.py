"""What a command prints, without a traceback when nobody reads it."""

from __future__ import annotations

import os
import select
import sys
from typing import TextIO


def say(text: str, stream: TextIO | None = None, end: str = '\n') -> bool:
    """Print to *stream*, standard output by default, at once; a reader that has gone is no reason to stop.

    Whether there is one.
    """
    stream = stream or sys.stdout
    try:
        print(text, file=stream, end=end, flush=True)
    except OSError:
        _discard(stream)
        return False
    return stream is not None


def wait(seconds: float) -> bool:
    """Let so much time pass, or less if whoever reads standard output leaves; whether somebody still does."""
    if sys.stdout is None:
        return False
    leaving = select.poll()
    leaving.register(sys.stdout, 0)
    return not leaving.poll(seconds * 1000)


def flush() -> None:
    """Send on what others printed, before the interpreter tries and complains."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _discard(sys.stdout)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether people read what is printed to *stream*."""
    return stream is not None and stream.isatty()


def can_redraw(stream: TextIO | None) -> bool:
    """Return whether *stream* is a terminal on which a line can be drawn again, such as that of a progress bar."""
    return is_terminal(stream) and os.environ.get('TERM') != 'dumb'


def warn(command: str, text: str) -> None:
    """Print one line to standard error and go on."""
    say(f'{command}: warning: {" ".join(text.split())}', sys.stderr)


def fail(command: str, error: Exception | str, status: int) -> int:
    """Print one line to standard error and give *status* back."""
    say(f'{command}: error: {" ".join(str(error).split())}', sys.stderr)
    return status


def _discard(stream: TextIO) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
