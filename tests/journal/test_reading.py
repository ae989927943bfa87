"""The journals that are read, whole or torn, in one file or two; and what is said of other files."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.journal.entries import make_entry
from tests.servers import TIMEOUT
from vaurien.errors import ConfigError
from vaurien.journal.file import JournalFile
from vaurien.journal.lines import Head, Line, Notice, encode
from vaurien.journal.reading import MAX_LINE, read_entries, read_journal
from vaurien.records.entry import Entry

ENTRIES = [make_entry(nth=nth) for nth in range(1, 4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'run.jsonl'


def head(part: int, run: str = 'a') -> Head:
    return Head(journal=1, run=run, part=part)


def write(path: Path, *lines: Line | bytes) -> None:
    path.write_bytes(b''.join(line if isinstance(line, bytes) else encode(line) for line in lines))


def read(path: Path) -> tuple[list[Entry], list[str]]:
    """Its entries, and what is noted."""
    notices: list[str] = []
    return [entry for _, entry in read_entries(str(path), notices.append)], notices


def test_what_was_written_is_read(path: Path) -> None:
    file = JournalFile(str(path), 100_000)
    for entry in ENTRIES:
        file.write(entry)
    file.close()
    assert read_journal(path) == ENTRIES
    assert read(path) == (ENTRIES, [])
    assert [place for place, _ in read_entries(str(path), pytest.fail)] == [f'{path}:{line}' for line in (2, 3, 4)]


def test_both_parts_of_a_rotated_journal_are_read(path: Path) -> None:
    write(path.with_name('run.jsonl.1'), head(1), ENTRIES[0])
    write(path, head(2), *ENTRIES[1:])
    assert read(path) == (ENTRIES, [])


@pytest.mark.parametrize('older', [[head(1), ENTRIES[0]], [head(2, 'b'), ENTRIES[0]], [ENTRIES[0]], [], None])
def test_a_part_that_is_not_there_is_noted(path: Path, older: list[Line] | None) -> None:
    if older is not None:
        write(path.with_name('run.jsonl.1'), *older)
    write(path, head(3), *ENTRIES[1:])
    assert read(path) == (ENTRIES[1:], [f'{path}: its beginning is lost, which was in 2 more files of this size'])


def test_two_parts_of_many(path: Path) -> None:
    write(path.with_name('run.jsonl.1'), head(2), ENTRIES[0])
    write(path, head(3), *ENTRIES[1:])
    assert read(path) == (ENTRIES, [f'{path}: its beginning is lost, which was in 1 more files of this size'])


def test_a_first_part_stands_alone(path: Path) -> None:
    write(path.with_name('run.jsonl.1'), head(1, 'b'), ENTRIES[0])
    write(path, head(1), *ENTRIES[1:])
    assert read(path) == (ENTRIES[1:], [])


@pytest.mark.parametrize('lines', [[], [b'\n'], [*ENTRIES], [ENTRIES[0], b'\n', *ENTRIES[1:]]])
def test_lines_that_somebody_has_picked(path: Path, lines: list[Line | bytes]) -> None:
    write(path, *lines)
    assert read(path) == ([line for line in lines if isinstance(line, Entry)], [])


def test_a_last_line_that_is_torn_is_noted(path: Path) -> None:
    write(path, head(1), ENTRIES[0], encode(ENTRIES[1])[:40])
    assert read(path) == (ENTRIES[:1], [f'{path}:3: the last line is torn'])


def test_a_line_before_a_notice_may_be_torn(path: Path) -> None:
    write(path, head(1), encode(ENTRIES[0])[:40], b'\n', Notice('2 lines were lost here: no space'), ENTRIES[1])
    assert read(path) == ([ENTRIES[1]], [f'{path}:3: 2 lines were lost here: no space'])


@pytest.mark.parametrize(
    ('lines', 'said'),
    [
        ([b'hello'], '1: not a line of a journal: JSON is malformed: invalid character (byte 0)'),
        ([b'hello\n'], '1: not a line of a journal: JSON is malformed: invalid character (byte 0)'),
        ([ENTRIES[0], b'[]\n'], '2: not a line of a journal: Expected `object`, got `array`'),
        ([ENTRIES[0], b'{}\n', ENTRIES[1]], '2: not a line of a journal: Object missing required field `time`'),
        ([b'{}\n', b'{}\n'], '1: not a line of a journal: Object missing required field `time`'),
        ([b'{"notice": 1}\n'], '1: not a line of a journal: Expected `str`, got `int` - at `$.notice`'),
        ([b'\xff\n'], '1: not a line of a journal: JSON is malformed: invalid character (byte 0)'),
        (
            [b'{"journal": 7, "run": "a", "part": 1}\n'],
            '1: not a line of a journal: it has the format 7, and this Vaurien reads 1',
        ),
        ([b'[' * 10_000 + b'\n'], '1: not a line of a journal: Expected `object`, got `array`'),
        ([b'{"a":' + b'[' * 1_000_000 + b'\n'], '1: not a line of a journal: nested too deeply'),
    ],
)
def test_what_is_no_journal(path: Path, lines: list[Line | bytes], said: str) -> None:
    write(path, *lines)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value) == f'{path}:{said}'


def test_a_line_without_an_end() -> None:
    with pytest.raises(ConfigError, match=r'^/dev/zero: cannot read it: a line has more than 1 MiB$'):
        read_journal('/dev/zero')


def test_a_long_line(path: Path) -> None:
    long = make_entry(request='x' * (MAX_LINE - 200))
    write(path, *ENTRIES, long, ENTRIES[0])
    assert read(path) == ([*ENTRIES, long, ENTRIES[0]], [])


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(ConfigError, match=rf'^{path}: cannot read it: No such file or directory$'):
        read_journal(path)


def test_a_pipe(path: Path) -> None:
    os.mkfifo(path)
    writing = threading.Thread(target=write, args=(path, head(1), *ENTRIES))
    writing.start()
    assert read_journal(path) == ENTRIES
    writing.join(TIMEOUT)
