"""What a command prints, without a traceback when nobody reads it."""

from __future__ import annotations

import os
import sys


def say(text: str) -> None:
    """Print to standard output at once; a reader that has gone is no reason to stop."""
    try:
        print(text, flush=True)
    except OSError:
        _discard_output()


def flush() -> None:
    """Send on what others printed, before the interpreter tries and complains."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _discard_output()


def fail(command: str, error: Exception | str, status: int) -> int:
    """Print one line to standard error and give *status* back."""
    print(f'{command}: error:', ' '.join(str(error).split()), file=sys.stderr)
    return status


def _discard_output() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
