"""Files that a command reads, up to a limit, and files that it writes, which are checked before the work starts."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_ISREG
from tempfile import mkstemp
from time import monotonic

from vaurien.errors import ConfigError, UnwrittenError, VaurienError

#: Seconds that a pipe may take: ``<(command)`` of a shell is one. Nobody may ever write to it.
READ_TIMEOUT = 10.0
#: The errors of a file for which there is no room.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
#: How the names of what is open already begin, such as ``/dev/stdout``; in ``/dev/shm`` there are files.
OPEN = ('/dev/fd/', '/dev/std', '/proc/')
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
    """Write the whole of a file; raise `UnwrittenError` if it does not fit. What was there is there until all does.

    A file that cannot be replaced, because its folder takes no other for example, is overwritten.
    """
    path = Path(path)
    with writing(path, UnwrittenError):
        if str(path.absolute()).startswith(OPEN):
            with path.open('ab') as file:
                file.write(content)
            return
        if path.is_file():
            try:
                _replace(path.resolve(), content)  # a link stays one
            except OSError as error:
                if error.errno in FULL:
                    raise
            else:
                return
        path.write_bytes(content)


def check_writable(path: Path | str) -> None:
    """Raise `ConfigError` if *path* cannot be written. What is there stays as it is, and nothing new is left."""
    path = Path(path)
    existed = path.exists()
    with writing(path):
        path.open('ab').close()
        if not existed:
            path.resolve().unlink()  # a link stays one


def _replace(path: Path, content: bytes) -> None:
    """Write a new file beside *path*, with the same owner and permissions, and move it there."""
    descriptor, name = mkstemp(prefix='.vaurien-', dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, 'wb') as file:
            file.write(content)
        before = path.stat()
        os.chown(new, before.st_uid, before.st_gid)
        new.chmod(S_IMODE(before.st_mode))
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


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
