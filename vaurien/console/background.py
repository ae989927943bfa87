"""Standard output and error that nobody waits for, for commands that have something better to do."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from vaurien.console.log import TEXT, LogFormat, find_notice
from vaurien.console.output import note_unwritten, take_unwritten
from vaurien.console.writer import FLUSH_TIMEOUT, Writer

if TYPE_CHECKING:
    from typing_extensions import Buffer

NO_DESCRIPTOR = -1


@contextmanager
def in_background(*, keep_output: bool = False, log_format: LogFormat = TEXT) -> Iterator[None]:
    """Within the block, let no `print` and no log record wait until the standard output and error are read.

    What nobody reads is dropped, once `MOST` bytes wait. At the end, wait `FLUSH_TIMEOUT` seconds for the rest;
    with *keep_output*, wait for the standard output as long as that takes, and note if it cannot be written. What is
    dropped is noted as the log would.
    """
    before = sys.stdout, sys.stderr
    out, err = _find_descriptor(sys.stdout), _find_descriptor(sys.stderr)
    writers = {descriptor: Writer(descriptor, find_notice(log_format)) for descriptor in {out, err} - {NO_DESCRIPTOR}}
    if len(writers) == 2 and os.path.sameopenfile(out, err):
        writers[err] = writers[out]  # one thread keeps what is printed to both in order
    within = _wrap(sys.stdout, writers.get(out)), _wrap(sys.stderr, writers.get(err))
    sys.stdout, sys.stderr = within
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        _flush(*within, keep_output=keep_output)
        reason = take_unwritten() or (writers[out].reason if out in writers else '')
        if keep_output and reason:
            note_unwritten(reason)
        for writer in writers.values():
            writer.end()


def flush_background() -> None:
    """Wait up to `FLUSH_TIMEOUT` seconds until what was printed in the background is written, before an `os._exit`."""
    _flush(sys.stdout, sys.stderr)


def _flush(out: TextIO, err: TextIO, *, keep_output: bool = False) -> None:
    for stream, seconds in ((out, None if keep_output else FLUSH_TIMEOUT), (err, FLUSH_TIMEOUT)):
        file = getattr(stream, 'buffer', None)
        if isinstance(file, _File):
            stream.flush()
            file.writer.flush(seconds)


class _File(io.BufferedIOBase):
    """What is under a text stream, in place of a buffered file."""

    def __init__(self, writer: Writer, name: str) -> None:
        self.writer = writer
        self.name = name

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        given = bytes(data)
        self.writer.write(given)
        return len(given)

    def fileno(self) -> int:
        return self.writer.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.writer.descriptor)


def _find_descriptor(stream: TextIO | None) -> int:
    """Return the descriptor of a stream; -1 if there is none, as in tests that catch what is printed."""
    if stream is not None:
        with suppress(OSError, ValueError, AttributeError):  # UnsupportedOperation is the first two
            return stream.fileno()
    return NO_DESCRIPTOR


def _wrap(stream: TextIO, writer: Writer | None) -> TextIO:
    if writer is None:
        return stream
    with suppress(OSError):
        stream.flush()
    return io.TextIOWrapper(_File(writer, stream.name), stream.encoding, stream.errors, line_buffering=True)
