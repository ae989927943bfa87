"""The file of a journal: what is written, how it is rotated, and what happens if it cannot be written."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import gevent
import pytest

from tests.journal.entries import make_entry
from tests.loop import in_loop
from tests.servers import TIMEOUT
from vaurien import __version__
from vaurien.errors import ConfigError
from vaurien.journal.file import BATCH, JournalFile, check_apart
from vaurien.journal.lines import Head, Line, Notice, decode
from vaurien.journal.reading import read_journal
from vaurien.records.entry import Entry

#: Bytes of a file: room for some entries.
SMALL = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'run.jsonl'


def write(path: Path, *entries: Entry, most: int = SMALL) -> None:
    file = JournalFile(str(path), most)
    for entry in entries:
        file.write(entry)
    file.close()


def read(path: Path) -> list[Line]:
    return list(map(decode, path.read_bytes().splitlines()))


def numbers(lines: list[Line]) -> list[int]:
    return [line.nth for line in lines if isinstance(line, Entry)]


def test_a_head_comes_first_and_then_the_entries(path: Path) -> None:
    entries = [make_entry(), make_entry('SET user:1', behavior='delay', options={'sleep': 2.0})]
    write(path, *entries)
    head, *lines = read(path)
    assert isinstance(head, Head)
    assert (head.journal, head.part, head.vaurien) == (1, 1, __version__)
    assert lines == entries


def test_what_is_as_usual_is_not_written(path: Path) -> None:
    write(path, make_entry())
    assert path.read_text().splitlines()[1] == (
        '{"time":1.5,"proxy":"redis","link":1,"exchange":1,"request":"GET user:1","nth":1,"effect":"read","reply":"ok"}'
    )


def test_a_full_file_gives_way_to_the_next_part(path: Path) -> None:
    write(path, *(make_entry(nth=nth) for nth in range(1, 31)))
    older = path.with_name('run.jsonl.1')
    parts = read(older), read(path)
    first, second = (part[0] for part in parts)
    assert isinstance(first, Head)
    assert isinstance(second, Head)
    assert (first.run, first.part + 1) == (second.run, second.part)
    assert second.part > 2
    kept = numbers(parts[0]) + numbers(parts[1])
    assert kept == list(range(kept[0], 31))
    assert sorted(path.parent.iterdir()) == [path, older]
    assert SMALL - 200 < older.stat().st_size <= SMALL
    assert path.stat().st_size <= SMALL


def test_what_comes_in_one_turn_is_written_together(path: Path) -> None:
    """And at once: nobody has to wait for more of it."""

    def look() -> list[int]:
        file = JournalFile(str(path), SMALL)
        for nth in (1, 2, 3):
            file.write(make_entry(nth=nth))
        gevent.sleep(0.001)
        file._writer.flush()
        lines = read(path)
        file.close()
        return numbers(lines)

    assert in_loop(look) == [1, 2, 3]


def test_what_is_there_is_kept_as_the_older_file(path: Path) -> None:
    path.write_text('precious')
    write(path, make_entry())
    assert path.with_name('run.jsonl.1').read_text() == 'precious'
    assert numbers(read(path)) == [1]


def test_an_empty_file_is_taken_as_it_is(path: Path) -> None:
    path.touch()
    write(path)
    assert list(path.parent.iterdir()) == [path]


def test_a_pipe_is_never_rotated(path: Path) -> None:
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(path, *(make_entry(nth=nth) for nth in range(1, 31)))
        assert numbers([decode(line) for line in os.read(reading, 65536).splitlines()]) == list(range(1, 31))
    finally:
        os.close(reading)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_somebody_writes_is_refused(path: Path) -> None:
    file = JournalFile(str(path), SMALL)
    with pytest.raises(ConfigError, match=rf'^cannot write the journal to {path}: another process does$'):
        JournalFile(str(path), SMALL)
    for nth in range(1, BATCH + 1):
        file.write(make_entry(nth=nth))
    file._writer.flush()
    with pytest.raises(ConfigError, match='another process does'):  # the next part is locked, too
        JournalFile(str(path), SMALL)
    file.close()
    write(path)


@pytest.mark.parametrize(
    ('replayed', 'there', 'written'),
    [
        ('run', ['run'], 'run'),
        ('run', ['run'], '../NAME/run'),
        ('run', ['run'], 'link'),
        ('run', ['run'], 'same'),
        ('run.1', ['run', 'run.1'], 'run'),
        ('run', ['run', 'run.1'], 'run.1'),
        ('run.new', ['run.new'], 'run'),
    ],
)
def test_what_is_replayed_is_not_replaced(tmp_path: Path, replayed: str, there: list[str], written: str) -> None:
    for name in there:
        (tmp_path / name).write_text(name)
    (tmp_path / 'link').symlink_to('run')
    (tmp_path / 'same').hardlink_to(tmp_path / there[0])
    with pytest.raises(ConfigError, match=r'^journal: it would take the place of .*, which is replayed'):
        check_apart(tmp_path / written.replace('NAME', tmp_path.name), tmp_path / replayed)


def test_another_file_may_be_replayed(tmp_path: Path) -> None:
    (tmp_path / 'run').write_text('run')
    check_apart(tmp_path / 'other', tmp_path / 'run')
    (tmp_path / 'other').write_text('other')
    check_apart(tmp_path / 'other', tmp_path / 'run')
    check_apart('/dev/null', '/dev/null')
    check_apart(tmp_path / 'other', tmp_path / 'none')


def test_a_child_of_a_fork_does_not_keep_the_file(path: Path) -> None:
    file = JournalFile(str(path), SMALL)
    begin, end = os.pipe()
    child = os.fork()
    if not child:
        os.close(end)
        os.read(begin, 1)
        os._exit(0)
    os.close(begin)
    file.close()
    write(path)
    os.close(end)
    os.waitpid(child, 0)


def test_no_descriptor_is_left_for_the_next_part(path: Path) -> None:
    """The older file stays, and the part after that is kept again."""
    older = path.with_name('run.jsonl.1')
    older.write_text('precious')
    file = JournalFile(str(path), SMALL)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        for nth in range(1, 12):
            file.write(make_entry(nth=nth))
        file._write_batch()
        file._writer.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    notice, head, *_ = read(path)
    assert notice == Notice('what was here is lost: Too many open files')
    assert isinstance(head, Head)
    assert (head.part, older.read_text()) == (2, 'precious')
    for nth in range(12, 20):
        file.write(make_entry(nth=nth))
    file.close()
    kept = numbers(read(older)) + numbers(read(path))
    assert kept == list(range(kept[0], 20))
    assert 19 > kept[0] > 1
    assert sorted(path.parent.iterdir()) == [path, older]


def begin_small(path: Path) -> JournalFile:
    """Return a small file in which the first entry is written."""
    file = JournalFile(str(path), SMALL)
    file.write(make_entry(nth=1))
    file._write_batch()
    file._writer.flush()
    return file


class TestRenamedByOthers:
    def test_the_next_part_begins_in_another_file(self, path: Path) -> None:
        moved = path.with_name('moved.jsonl')
        file = JournalFile(str(path), SMALL)
        file.write(make_entry(nth=1))
        file.reopen()  # it is where it was
        file._write_batch()
        file._writer.flush()
        path.rename(moved)
        file.write(make_entry(nth=2))
        file.reopen()
        file.reopen()
        file.write(make_entry(nth=3))
        file.close()
        first, second = read(moved), read(path)
        assert (numbers(first), numbers(second)) == ([1, 2], [3])
        heads = first[0], second[0]
        assert [head.part for head in heads if isinstance(head, Head)] == [1, 2]
        assert sorted(path.parent.iterdir()) == [moved, path]

    def test_both_are_read_as_one(self, path: Path) -> None:
        file = begin_small(path)
        path.rename(path.with_name('run.jsonl.1'))
        file.reopen()
        file.write(make_entry(nth=2))
        file.close()
        assert [entry.nth for entry in read_journal(path)] == [1, 2]

    def test_it_is_full_before_anybody_says_so(self, path: Path) -> None:
        """What somebody wants to keep is neither lost nor the older file."""
        moved = path.with_name('moved.jsonl')
        file = begin_small(path)
        path.rename(moved)
        for nth in range(2, 12):
            file.write(make_entry(nth=nth))
        file.close()
        assert numbers(read(moved)) + numbers(read(path)) == list(range(1, 12))
        assert sorted(path.parent.iterdir()) == [moved, path]

    def test_another_one_cannot_be_written(self, path: Path) -> None:
        moved = path.with_name('moved.jsonl')
        file = begin_small(path)
        path.rename(moved)
        path.mkdir()
        file.reopen()
        file.write(make_entry(nth=2))
        file.close()
        lines = read(moved)
        assert numbers(lines) == [1, 2]
        assert Notice(f'cannot write the journal to {path}: Is a directory') in lines


@pytest.mark.parametrize(
    ('name', 'reason'), [('nowhere/run.jsonl', 'No such file or directory'), ('', 'Is a directory')]
)
def test_a_file_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    where = str(tmp_path / name)
    with pytest.raises(ConfigError) as caught:
        JournalFile(where, SMALL)
    assert str(caught.value) == f'cannot write the journal to {where}: {reason}'


def test_a_part_that_cannot_be_kept_is_lost(path: Path) -> None:
    older = path.with_name('run.jsonl.1')
    older.mkdir()
    (older / 'full').touch()  # nothing can take the place of a directory
    write(path, *(make_entry(nth=nth) for nth in range(1, 12)))
    notice, head, *rest = read(path)
    assert notice == Notice('what was here is lost: Is a directory')
    assert isinstance(head, Head)
    assert head.part == 2
    assert numbers(rest)[-1] == 11
    assert path.stat().st_size <= SMALL + 100


def test_lines_that_are_lost_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody reads the notice in a file that cannot be written."""

    def fill() -> str:
        file = JournalFile('/dev/full', SMALL)
        for nth in range(1, 4):
            file.write(make_entry(nth=nth))
            gevent.sleep(0)
            file._writer.flush(TIMEOUT)
        assert [record.levelname for record in caplog.records] == ['WARNING'], 'before it is closed'
        file.close()
        return file.describe_loss()

    said = '4 lines are lost of /dev/full: No space left on device'  # the head is one
    assert in_loop(fill) == said
    (record,) = caplog.records
    assert record.getMessage().startswith('journal: ')
    assert record.getMessage().endswith(' of /dev/full: No space left on device')


def test_nothing_is_said_of_lines_that_are_written(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(path, make_entry())
    assert not caplog.records
