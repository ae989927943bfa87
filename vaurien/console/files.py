"""Files that a command writes: they are checked before the work starts, so that it is not lost at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaurien.errors import ConfigError


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Raise `ConfigError` for an `OSError` within the block, which writes *path*."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f'cannot write {path}: {error.strerror}') from None


def check_writable(path: Path | str) -> None:
    """Raise `ConfigError` if *path* cannot be written. What is there stays as it is, and nothing new is left."""
    existed = Path(path).exists()
    with writing(path):
        Path(path).open('ab').close()
        if not existed:
            Path(path).unlink()
