"""The files of a test, packed by the runner and unpacked by agents."""

from __future__ import annotations

import io
import os
import shlex
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from vaurien.errors import ConfigError

#: The most bytes that are sent, packed, and of the files themselves: a file of zeros packs into a thousandth.
MAX_PACKED = 64 * 1024 * 1024
MAX_SIZE = 1024 * 1024 * 1024
#: Folders that no test needs: caches and repositories.
SKIPPED = {
    '__pycache__',
    '.git',
    '.hg',
    '.svn',
    '.tox',
    '.nox',
    '.mypy_cache',
    '.pytest_cache',
    '.ruff_cache',
    'node_modules',
}
#: Modules that every agent has, or that are not files of the test.
OWN = {'vaurien', 'loads', '__main__'}


def pack(paths: Sequence[Path], root: Path) -> bytes:
    """Return a zip of files, and of all that is in folders, by their names relative to *root*. Raises `ConfigError`."""
    packed = io.BytesIO()
    seen = set()
    size = 0
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as archive:
        for file in (file for path in paths for file in sorted(_walk(path))):
            name = os.path.relpath(file, root)
            if name in seen:
                continue
            seen.add(name)
            try:
                size += file.stat().st_size
                if size <= MAX_SIZE:
                    archive.write(file, name)
            except (OSError, ValueError) as error:  # `ValueError` for a file from before 1980
                raise ConfigError(f'cannot read {file}: {error}') from None
            if size > MAX_SIZE or packed.tell() > MAX_PACKED:
                limit = MAX_SIZE if size > MAX_SIZE else MAX_PACKED
                raise ConfigError(
                    f'the files of the test come to more than {limit >> 20} MiB: '
                    'choose what is sent with --test-dir and --include-file'
                )
    return packed.getvalue()


def unpack(packed: bytes, directory: Path) -> None:
    """Write what was packed, with its modes. A name that leads out of *directory* is written into it."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for info in archive.infolist():
            path = archive.extract(info, directory)
            os.chmod(path, (info.external_attr >> 16) & 0o777 | 0o600)  # noqa: PTH101


def find_loaded(module: str, root: Path) -> list[Path]:
    """Return the package or file of *module*, and those of all imported modules below *root*."""
    found = [_top(name, root) for name in (module, *list(sys.modules))]
    return list(dict.fromkeys(path for path in found if path is not None))


def find_matching(patterns: Sequence[str], root: Path) -> list[Path]:
    """Return what glob patterns match. Raises `ConfigError` for one that matches nothing or leads out of *root*."""
    found: list[Path] = []
    for pattern in patterns:
        if Path(pattern).is_absolute() or '..' in Path(pattern).parts:
            raise ConfigError(f'{pattern!r} leads out of {root}: see --test-dir', '--include-file')
        matched = sorted(root.glob(pattern))
        if not matched:
            raise ConfigError(f'{pattern!r} matches nothing in {root}', '--include-file')
        found += matched
    return found


def find_named(command: str, test: str, root: Path) -> list[Path]:
    """Return the words of a command that are files in *root*."""
    return [
        root / word for word in (*shlex.split(command), test) if not Path(word).is_absolute() and _is_inside(word, root)
    ]


def _is_inside(word: str, root: Path) -> bool:
    return '..' not in Path(word).parts and (root / word).is_file()


def _top(name: str, root: Path) -> Path | None:
    """Return the file or folder directly in *root* that a module belongs to, or None."""
    file = getattr(sys.modules.get(name), '__file__', None)
    if not file or not Path(file).is_relative_to(root):
        return None
    inside = Path(file).relative_to(root).parts
    if (
        name.partition('.')[0] in OWN
        or 'site-packages' in inside
        or len(inside) != len(name.split('.')) + (inside[-1] == '__init__.py')
    ):
        return None
    return root / inside[0]


def _walk(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, files in os.walk(path):
        kept = [name for name in folders if name not in SKIPPED and not Path(folder, name, 'pyvenv.cfg').exists()]
        folders[:] = sorted(kept)
        paths = (Path(folder, name) for name in files if not name.endswith('.pyc'))
        yield from (path for path in paths if path.is_file() or not path.exists())  # no pipe, which would not end
