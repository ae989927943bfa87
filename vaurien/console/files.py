"""Files that a command reads, up to a limit, and files that it writes, which are checked before the work starts."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from time import monotonic

from vaurien.errors import ConfigError, UnwrittenError, VaurienError

#: Seconds that a pipe may take: ``<(command)`` of a shell is one. Nobody may ever write to it.
READ_TIMEOUT = 10.0
#: The errors of a file that can be written, but not be replaced: its folder takes no other, or it is mounted by itself.
ALONE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.ENAMETOOLONG)
#: Bytes that are read at once.
CHUNK = 1024 * 1024


def read_file(path: Path | str, most: int) -> bytes:
    """Return what is in a file, in a pipe or comes from a device, up to *most* bytes, a whole number of KiB.

    Raise `OSError`, whose ``strerror`` says why it cannot be read, also if there is more of it or if it takes too long.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # to open a pipe would wait for somebody who writes
    try:
        content = b''.join(_read(file, most + 1))
    finally:
        os.close(file)
    if len(content) > most:
        raise OSError(errno.EFBIG, f'it has more than {_format_size(most)}')
    return content


def read_lines(path: Path | str, longest: int) -> Iterator[bytes]:
    """Yield the lines of a file, a pipe or a device, with their ends; the last one may have none.

    Raise `OSError`, whose ``strerror`` says why it cannot be read, also if a line has more than *longest* bytes.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        rest = b''
        for piece in _read(file, sys.maxsize):
            *lines, rest = (rest + piece).split(b'\n')
            for line in lines:
                yield line + b'\n'
            if len(rest) > longest:
                raise OSError(errno.EFBIG, f'a line has more than {_format_size(longest)}')
        if rest:
            yield rest
    finally:
        os.close(file)


@contextmanager
def writing(path: Path | str, kind: type[VaurienError] = ConfigError) -> Iterator[None]:
    """Raise an error of that *kind* for an `OSError` within the block, which writes *path*."""
    try:
        yield
    except OSError as error:
        raise kind(f'cannot write {path}: {error.strerror}') from None


def write_file(path: Path | str, content: bytes) -> None:
    """Write the whole of a file; raise `UnwrittenError` if it does not fit. What was there is there until all does."""
    place = Path(os.path.realpath(path))  # a link stays one
    with writing(path, UnwrittenError):
        if place.exists() and not place.is_file():  # a device or a pipe
            place.write_bytes(content)
        else:
            _replace(place, content)


def check_writable(path: Path | str) -> None:
    """Raise `ConfigError` if *path* cannot be written. What is there stays as it is, and nothing new is left."""
    existed = Path(path).exists()
    with writing(path):
        Path(path).open('ab').close()
        if not existed:
            Path(path).unlink()


def _replace(path: Path, content: bytes) -> None:
    """Write a new file beside *path*, with the same owner and permissions, and move it there."""
    new = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        new.write_bytes(content)
        if path.exists():
            before = path.stat()
            with suppress(PermissionError):  # only root may give a file away
                os.chown(new, before.st_uid, before.st_gid)
            new.chmod(before.st_mode & 0o7777)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        if error.errno not in ALONE:
            raise
        path.write_bytes(content)


def _format_size(size: int) -> str:
    return f'{size >> 10} KiB' if size < CHUNK else f'{size >> 20} MiB'


def _read(file: int, most: int) -> Iterator[bytes]:
    """Yield what is in an open file, piece by piece, until its end or until there are *most* bytes."""
    can_wait = not S_ISREG(os.fstat(file).st_mode)
    deadline = monotonic() + READ_TIMEOUT
    while most > 0:
        if can_wait:
            _wait(file, deadline)
        with suppress(BlockingIOError):  # somebody else was faster
            if not (piece := os.read(file, min(most, CHUNK))):
                return
            most -= len(piece)
            yield piece


def _wait(file: int, deadline: float) -> None:
    """Wait until there is something to read, or nobody writes any more. Raise `OSError` at the *deadline*."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    left = deadline - monotonic()
    if left <= 0 or not poll.poll(1000 * left):
        raise OSError(errno.ETIMEDOUT, f'it does not end within {READ_TIMEOUT:g} s')
