"""Logging of the commands: one line for each record, as text or JSON, to standard error or to a file."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal

from vaurien.console.output import make_printable, print_line
from vaurien.console.writer import Writer
from vaurien.errors import ConfigError

FORMAT = '%(asctime)s %(levelname)s %(message)s'

#: How lines are written: for people, or for programs.
LogFormat = Literal['text', 'json']
TEXT: LogFormat = 'text'
FORMAT_HELP = 'how the log is written: lines of text, or a JSON object a line'

#: Of what `sys.exc_info` returns.
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Formatter(logging.Formatter):
    """Makes a line of a record, whatever its texts contain: control characters and line ends become escapes.

    Tracebacks have lines of their own. They are indented, so that none of them passes for a record.
    """

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # of the standard library
        """Return the line of a record."""
        return make_printable(super().formatMessage(record))

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802
        """Return the lines of a traceback."""
        return _indent(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        """Return the lines of a stack."""
        return _indent(super().formatStack(stack_info))


class StandardErrorHandler(logging.Handler):
    """Prints records to what is the standard error at the time: see `in_background`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        try:
            if sys.stderr is not None:
                print_line(self.format(record), sys.stderr)
        except Exception:  # a record whose arguments do not fit
            self.handleError(record)


class FileHandler(logging.Handler):
    """Appends records to a file, in the background."""

    def __init__(self, path: str, format_notice: Callable[[str], str]) -> None:
        """Open the file; raise `OSError`. *format_notice* is that of its `Writer`."""
        super().__init__()
        self._path = str(Path(path).absolute())
        self._writer: Writer | None = Writer(_open(self._path), format_notice)

    def emit(self, record: logging.LogRecord) -> None:
        """Have one record written."""
        if self._writer is None:
            return
        try:
            self._writer.write(f'{self.format(record)}\n'.encode(errors='backslashreplace'))
        except Exception:  # a record whose arguments do not fit
            self.handleError(record)

    def reopen(self) -> None:
        """Open the file of that name again, after the records until now are written: somebody has renamed it."""
        if self._writer is not None:
            self._writer.do(partial(_reopen, self._writer, self._path))

    def close(self) -> None:
        """Write what is left, as far as that is possible soon, and close the file."""
        super().close()
        writer, self._writer = self._writer, None
        if writer is not None:
            is_written = writer.flush()
            writer.end()
            if is_written:
                os.close(writer.descriptor)


def set_up(level: str, output: str, form: LogFormat = TEXT) -> None:
    """Write records of *level* (such as ``info``) and above to standard error (``-``), or append them to a file.

    Raises `ConfigError` if the file cannot be written.
    """
    formatter: logging.Formatter = Formatter()
    if form != TEXT:
        from vaurien.console.json_log import JsonLineFormatter  # late: most logs are for people

        formatter = JsonLineFormatter()
    try:
        handler = StandardErrorHandler() if output == '-' else FileHandler(output, find_notice(form))
    except OSError as error:
        raise ConfigError(f'cannot write the log to {output}: {error.strerror}') from None
    handler.setFormatter(formatter)
    # force: libraries may have set up handlers of their own while they were imported
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def reopen() -> None:
    """Open the file of the log again, if it is in a file: log rotation has renamed it."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, FileHandler):
            handler.reopen()


def find_notice(form: LogFormat) -> Callable[[str], str]:
    """Return what makes a line of a text, as `set_up` logs it. It takes no lock of `logging`, and suits any thread."""
    if form == TEXT:
        return format_notice
    from vaurien.console.json_log import format_json_notice  # late, and not on such a thread

    return format_json_notice


def format_notice(text: str) -> str:
    """Return a line of text."""
    now = time.time()
    moment = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))
    return f'{moment},{int(now % 1 * 1000):03} WARNING {make_printable(text)}'


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)


def _reopen(writer: Writer, path: str) -> None:
    try:
        descriptor = _open(path)
    except OSError as error:
        writer.say(f'cannot write the log to {path}: {error.strerror}')
    else:
        os.dup2(descriptor, writer.descriptor, inheritable=False)
        os.close(descriptor)


def _indent(text: str) -> str:
    return '\n'.join(f'  {make_printable(line)}' for line in text.split('\n'))
