"""What a command prints: without a traceback when nobody reads it, and in one form when it fails."""

from __future__ import annotations

import errno
import json
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import msgspec

#: The last line that a process prints before it serves.
SERVING = 'Ctrl-C ends'

#: Why the standard output could not be written, each time since somebody has asked.
_unwritten: list[str] = []


def print_line(text: str, stream: TextIO | None = None, end: str = '\n') -> bool:
    """Print to *stream*, by default the standard output, and flush it; return whether anybody can read it.

    A reader that has gone, as ``head`` does, is no reason to stop; any other one is noted: see `take_unwritten`. What a
    terminal might obey is escaped, except line ends and tabs: whoever prints a text from elsewhere within a line
    escapes these, too, with `make_printable`.
    """
    return _print(make_lines_printable(text), stream or sys.stdout, end)


def print_styled(text: str) -> bool:
    """Do as `print_line` does with lines that have styles for a terminal, and in which all else is printable."""
    return _print(text, sys.stdout, end='')


def _print(text: str, stream: TextIO | None, end: str) -> bool:
    if stream is None:  # it was closed before the start
        note_unwritten(os.strerror(errno.EBADF))
        return False
    try:
        print(text, file=stream, end=end, flush=True)
    except OSError as error:
        _discard(stream, error)
        return False
    return True


@contextmanager
def diverting_output() -> Iterator[None]:
    """Have what is printed to the standard output within the block go to the standard error, by other programs, too."""
    flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        flush()
        os.dup2(kept, 1)
        os.close(kept)


def note_unwritten(reason: str) -> None:
    """Note why the standard output could not be written."""
    if reason != os.strerror(errno.EPIPE):
        _unwritten.append(reason)


def take_unwritten() -> str:
    """Return why the standard output could not be written first, and forget it; empty if that did not happen."""
    reason = next(iter(_unwritten), '')
    _unwritten.clear()
    return reason


def wait(seconds: float) -> bool:
    """Wait for so long, or until the reader of the standard output has gone; return whether it is still there."""
    if sys.stdout is None:
        return False
    leaving = select.poll()
    leaving.register(sys.stdout, 0)
    return not leaving.poll(seconds * 1000)


def flush() -> None:
    """Flush the standard output. The interpreter does so at its end, and would complain if nobody reads it."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout, error)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether people read what is printed to *stream*."""
    return stream is not None and stream.isatty()


def can_redraw(stream: TextIO | None) -> bool:
    """Return whether *stream* is a terminal on which a line can be drawn again, such as that of a progress bar."""
    return is_terminal(stream) and os.environ.get('TERM') != 'dumb'


def warn(command: str, text: str) -> None:
    """Print one line to the standard error."""
    print_line(f'{command}: warning: {_join_lines(text)}', sys.stderr)


def fail(command: str, error: Exception | str, status: int) -> int:
    """Print one line to the standard error, and return *status*."""
    print_line(f'{command}: error: {_join_lines(str(error))}', sys.stderr)
    return status


def make_printable(text: str) -> str:
    """Return *text* with escapes in place of the characters that a terminal might obey, line ends among them.

    Whatever comes from elsewhere goes through this: names, requests, the texts of errors.
    """
    if text.isprintable():
        return text
    return ''.join(char if char.isprintable() else char.encode('unicode_escape').decode() for char in text)


def make_lines_printable(text: str) -> str:
    """Return *text*, which may have several lines and tabs, with escapes in place of what a terminal might obey."""
    if text.replace('\n', '').replace('\t', '').isprintable():
        return text
    return '\n'.join('\t'.join(map(make_printable, line.split('\t'))) for line in text.split('\n'))


def print_json(value: Any) -> None:
    """Print *value* as indented JSON."""
    print_line(indent_json(value))


def indent_json(value: Any) -> str:
    """Return *value* as indented JSON."""
    return msgspec.json.format(format_json(value), indent=2)


def format_json(value: Any) -> str:
    """Return *value* as JSON in one line."""
    text = msgspec.json.encode(value).decode()
    # The encoder leaves DEL and the control characters from U+0080 on as they are: a terminal obeys these, too.
    return ''.join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _join_lines(text: str) -> str:
    return make_printable(' '.join(text.split()))


def _discard(stream: TextIO, error: OSError) -> None:
    """Redirect *stream* to nowhere after an *error*: to flush the rest of its buffer would fail again."""
    if stream is sys.stdout:
        note_unwritten(error.strerror or str(error))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
