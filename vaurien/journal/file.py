"""A file with the journal of a run. It is never larger than it may be: what is older is in ``FILE.1``, or gone."""

from __future__ import annotations

import logging
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
#: Behind the name of a file that is about to take the place of another one.
COMING = '.new'

logger = logging.getLogger(__name__)


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
        #: Whether the thread is about to open the file again.
        self._is_moving = False
        self._has_warned = False

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
                self._writer.do(partial(self._rotate, self._begin_part()))
            self._size += len(line)
            lines += line
        self._batch.clear()
        self._hand_over(lines)
        self._warn_of_loss()

    def describe_loss(self) -> str:
        """Return how many lines were lost so far, and why the last of them was; empty if none was."""
        count = self._writer.lines_lost
        noun = 'line is' if count == 1 else 'lines are'
        return f'{count} {noun} lost of {self._path}: {self._writer.reason}' if count else ''

    def _warn_of_loss(self) -> None:
        """Log the first time that lines are lost. The file may say so only when it can be written again, or never."""
        if not self._has_warned and (loss := self.describe_loss()):
            self._has_warned = True
            logger.warning('journal: %s', loss)

    def _hand_over(self, lines: bytearray) -> None:
        if lines:
            self._writer.write(bytes(lines))
            lines.clear()

    def reopen(self) -> None:
        """Begin the next part in the file of that name, if somebody has renamed or removed the one that is written."""
        if not self._is_regular or self._is_moving or _is_at(self._path, self._writer.descriptor):
            return
        self._write_batch()
        self._is_moving = True
        self._writer.do(partial(self._move, self._begin_part()))

    def close(self) -> None:
        """Write what is left, as far as that is possible soon, and close the file."""
        self._write_batch()
        is_written = self._writer.flush()
        self._warn_of_loss()
        self._writer.end()
        if is_written:
            _unlock(self._writer.descriptor)
            os.close(self._writer.descriptor)

    def _begin_part(self) -> bytes:
        """Count the next part, and return its head."""
        self._part += 1
        head = self._encode_head()
        self._size = len(head)
        return head

    def _encode_head(self) -> bytes:
        return encode(Head(journal=FORMAT, run=self._run, part=self._part))

    # On the thread of the writer

    def _rotate(self, head: bytes) -> None:
        """Begin the next part. If that is not possible, the file loses what it has: its size has a limit."""
        descriptor = self._writer.descriptor
        if not _is_at(self._path, descriptor):  # somebody has renamed it, to keep it
            self._move(head)
            return
        try:
            new = _take_place(self._path)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            self._writer.say(f'what was here is lost: {error.strerror}')
        else:
            self._change_to(new)
        self._write_head(head)

    def _move(self, head: bytes) -> None:
        """Begin the next part in the file of that name; if that is not possible, go on in the one that was renamed."""
        try:
            new = _open(self._path)
        except OSError as error:
            self._writer.say(f'cannot write the journal to {self._path}: {error.strerror}')
        else:
            self._change_to(new)
        self._write_head(head)
        self._is_moving = False

    def _change_to(self, new: int) -> None:
        descriptor = self._writer.descriptor
        _unlock(descriptor)
        os.dup2(new, descriptor, inheritable=False)
        os.close(new)

    def _write_head(self, head: bytes) -> None:
        with suppress(OSError):  # the disk is full: the entries will not be written either, which is counted
            os.write(self._writer.descriptor, head)


def check_apart(path: str | os.PathLike[str], replayed: str | os.PathLike[str]) -> None:
    """Raise `ConfigError` if a journal at *path* would take the place of one that is *replayed*, or of its beginning.

    Whatever the files are called: one may be a link to the other.
    """
    kept = _find_files(replayed, '', OLDER)
    if kept & _find_files(path, '', OLDER, COMING):
        text = f'it would take the place of {os.fspath(replayed)}, which is replayed: give another file'
        raise ConfigError(text, 'journal')


def _find_files(path: str | os.PathLike[str], *endings: str) -> set[tuple[int, int]]:
    """Return by what the system knows the regular files with that path and one of these *endings*."""
    found = set()
    for ending in endings:
        with suppress(OSError, ValueError):  # there is none
            status = os.stat(os.fspath(path) + ending)  # noqa: PTH116  # of a path that may be no text of Python's
            if S_ISREG(status.st_mode):
                found.add((status.st_dev, status.st_ino))
    return found


def _begin(path: str) -> tuple[int, bool]:
    """Return the descriptor of an empty file, and whether it is one that can be rotated; raise `OSError`.

    A pipe or a device can not.
    """
    descriptor = _open(path)
    status = os.fstat(descriptor)
    is_regular = S_ISREG(status.st_mode)
    if is_regular and status.st_size:
        try:
            new = _take_place(path)
        finally:
            os.close(descriptor)
        descriptor = new
    return descriptor, is_regular


def _take_place(path: str) -> int:
    """Have the file of that name become ``FILE.1``, and return the descriptor of an empty one in its place.

    Raise `OSError`, with both as they were: so the new one is opened first.
    """
    new = _open(path + COMING)
    try:
        os.ftruncate(new, 0)  # a process that was killed may have left it
        os.rename(path, path + OLDER)  # noqa: PTH104
        os.rename(path + COMING, path)  # noqa: PTH104
    except OSError:
        os.close(new)
        with suppress(OSError):
            os.unlink(path + COMING)  # noqa: PTH108
        raise
    return new


def _is_at(path: str, descriptor: int) -> bool:
    """Return whether that is the file of that name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # noqa: PTH116
    except OSError:  # there is none
        return False


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
