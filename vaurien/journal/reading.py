"""The entries in a journal, the oldest first, with the place of each; and what is missing among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from vaurien.console.files import read_lines
from vaurien.errors import ConfigError
from vaurien.journal.lines import OLDER, Head, Line, Notice, decode
from vaurien.records.entry import Entry

#: The most bytes of a line. An entry of many options takes a few thousand.
MAX_LINE = 1024 * 1024


class Located(NamedTuple):
    """An entry, and its place: ``run.jsonl:17``."""

    place: str
    entry: Entry


def read_journal(path: str | os.PathLike[str]) -> list[Entry]:
    """Return the entries in the file of a journal, and in the file before it, the oldest first; raise `ConfigError`."""
    return [entry for _, entry in read_entries(os.fspath(path), lambda notice: None)]


def read_entries(path: str, note: Callable[[str], object]) -> Iterator[Located]:
    """Yield the entries of a journal; raise `ConfigError` with the file and the line of what is none.

    *note* is called with what is missing. If the file is a later part of a journal, the part before it is in
    ``FILE.1``.
    """
    lines = _decode(path, note)
    first = next(lines, None)
    if first is None:
        return
    head = first[1]
    if isinstance(head, Head) and head.part > 1:
        older = path + OLDER
        before = _find_head(older)
        missing = head.part - 1
        if before is not None and (before.run, before.part) == (head.run, missing):
            yield from _locate(_decode(older, note), note)
            missing -= 1
        if missing:
            note(f'{path}: its beginning is lost, which was in {missing} more files of this size')
    yield from _locate(chain([first], lines), note)


def _find_head(path: str) -> Head | None:
    """Return the head of a file; None if it is not there, or has none."""
    if not os.path.exists(path):  # noqa: PTH110  # as it was given
        return None
    first = next(_decode(path, lambda notice: None), None)
    return first[1] if first is not None and isinstance(first[1], Head) else None


def _locate(lines: Iterable[tuple[str, Line]], note: Callable[[str], object]) -> Iterator[Located]:
    for place, line in lines:
        if isinstance(line, Entry):
            yield Located(place, line)
        elif isinstance(line, Notice):
            note(f'{place}: {line.notice}')


def _decode(path: str, note: Callable[[str], object]) -> Iterator[tuple[str, Line]]:
    """Yield what the lines of a file say, each with its place.

    A line that is torn, because the disk was full or the process was killed, is noted. A notice follows on it, or
    nothing at all.
    """
    torn: ConfigError | None = None
    place, data = '', b''
    try:
        for number, data in enumerate(read_lines(path, MAX_LINE), 1):
            if not data.strip():
                continue
            before, torn, place = torn, None, f'{path}:{number}'
            try:
                line = decode(data)
            except ValueError as error:
                torn = ConfigError(f'not a line of a journal: {error}', place)
            if before is not None and (torn or not isinstance(line, Notice)):
                raise before
            if torn is None:
                yield place, line
    except OSError as error:
        raise ConfigError(f'cannot read it: {error.strerror}', path) from None
    if torn is not None:
        if data.endswith(b'\n') or place == f'{path}:1':
            raise torn
        note(f'{place}: the last line is torn')
