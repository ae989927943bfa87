"""A file with the journal of a run. It is never larger than it may be: what is older is in ``FILE.1``, or gone."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from functools import partial
from stat import S_ISREG

from gevent import get_hub

from vaurien.console.writer import Writer
from vaurien.errors import ConfigError
from vaurien.journal.lines import FORMAT, OLDER, Head, Notice, encode
from vaurien.records.entry import Entry

#: The most entries that are written together.
BATCH = 64


class JournalFile:
    """Writes entries to a file, in the background: nobody waits for the disk, and what it cannot take is counted."""

    def __init__(self, path: str, most: int) -> None:
        """Begin a file of up to *most* bytes. One that is there becomes ``FILE.1``. Raise `ConfigError`."""
        self._path = os.path.abspath(path)  # noqa: PTH100  # of a path that may be no text of Python's
        self._most = most
        self._run = secrets.token_hex(8)
        self._part = 1
        try:
            descriptor, self._is_regular = _begin(self._path)
        except BlockingIOError:
            raise ConfigError(f'cannot write the journal to {path}: another process does') from None
        except OSError as error:
            raise ConfigError(f'cannot write the journal to {path}: {error.strerror}') from None
        self._writer = Writer(descriptor, lambda text: encode(Notice(text)).decode().rstrip('\n'))
        head = self._encode_head()
        self._size = len(head)
        self._writer.write(head)
        self._batch: list[Entry] = []

    def write(self, entry: Entry) -> None:
        """Have an entry written, together with the others of this turn of the event loop."""
        self._batch.append(entry)
        if len(self._batch) == 1:
            get_hub().loop.run_callback(self._write_batch)
        elif len(self._batch) >= BATCH:
            self._write_batch()

    def _write_batch(self) -> None:
        lines = bytearray()
        for line in map(encode, self._batch):
            if self._is_regular and self._size + len(line) > self._most:
                self._hand_over(lines)
                self._part += 1
                head = self._encode_head()
                self._size = len(head)
                self._writer.do(partial(self._rotate, head))
            self._size += len(line)
            lines += line
        self._batch.clear()
        self._hand_over(lines)

    def _hand_over(self, lines: bytearray) -> None:
        if lines:
            self._writer.write(bytes(lines))
            lines.clear()

    def close(self) -> None:
        """Write what is left, as far as that is possible soon, and close the file."""
        self._write_batch()
        is_written = self._writer.flush()
        self._writer.end()
        if is_written:
            _unlock(self._writer.descriptor)
            os.close(self._writer.descriptor)

    def _encode_head(self) -> bytes:
        return encode(Head(journal=FORMAT, run=self._run, part=self._part))

    # On the thread of the writer

    def _rotate(self, head: bytes) -> None:
        """Begin the next part. If that is not possible, the file loses what it has: its size has a limit."""
        descriptor = self._writer.descriptor
        try:
            os.rename(self._path, self._path + OLDER)  # noqa: PTH104
            new = _open(self._path)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            self._writer.say(f'what was here is lost: {error.strerror}')
        else:
            _unlock(descriptor)
            os.dup2(new, descriptor, inheritable=False)
            os.close(new)
        with suppress(OSError):  # the disk is full: the entries will not be written either, which is counted
            os.write(descriptor, head)


def _begin(path: str) -> tuple[int, bool]:
    """Return the descriptor of an empty file, and whether it is one that can be rotated; raise `OSError`.

    A pipe or a device can not.
    """
    descriptor = _open(path)
    status = os.fstat(descriptor)
    is_regular = S_ISREG(status.st_mode)
    if is_regular and status.st_size:
        try:
            os.rename(path, path + OLDER)  # noqa: PTH104
        finally:
            os.close(descriptor)
        descriptor = _open(path)
    return descriptor, is_regular


def _open(path: str) -> int:
    """Open a file for this process alone; raise `OSError`, for one that another process has `BlockingIOError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, 'O_NONBLOCK', 0), 0o666)
    try:
        if S_ISREG(os.fstat(descriptor).st_mode):
            _lock(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


if sys.platform != 'win32':
    import fcntl

    def _lock(descriptor: int) -> None:
        """Let no other process have the file; raise `BlockingIOError` if one has it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        """Let other processes have the file. A child of a fork may have a copy of the descriptor, so of the lock."""
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)

else:

    def _lock(descriptor: int) -> None:
        """Do nothing: nobody can rename a file there that is open, which is what the lock is for."""

    def _unlock(descriptor: int) -> None:
        """Do nothing, as before."""
