"""What is given to a writer is written soon and in order, or counted as lost; nobody waits for it."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.behaviors.waiting import eventually
from tests.servers import TIMEOUT
from vaurien.console.writer import BATCH, MOST, Writer, count_lost

#: The smallest pipe that there is.
PIPE = 4096


def notice(text: str) -> str:
    return f'NOTE {text}'


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return both ends of a pipe that soon is full."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, PIPE)
    yield ends
    for end_ in ends:
        with suppress(OSError):  # closed by the test
            os.close(end_)


def end(writer: Writer) -> None:
    """Wait until a writer has ended: it must not find another test's file under the number of its descriptor."""
    threads: list[int] = []
    writer.do(lambda: threads.append(threading.get_native_id()))
    writer.end()
    eventually(lambda: threads and not Path(f'/proc/self/task/{threads[0]}').exists())


def start_reading(descriptor: int, size: int) -> tuple[threading.Thread, bytearray]:
    """Read *size* bytes on a thread."""
    found = bytearray()

    def read() -> None:
        while len(found) < size:
            found.extend(os.read(descriptor, size - len(found)))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, found


def test_it_writes_in_order(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    with path.open('wb') as file:
        writer = Writer(file.fileno(), notice)
        assert writer.flush()
        lines = [b'%d %s\n' % (i, b'x' * 100) for i in range(5 * BATCH // 100)]
        for line in lines:
            writer.write(line)
        assert writer.flush(TIMEOUT)
        end(writer)
    assert path.read_bytes() == b''.join(lines)
    assert writer.lines_lost == 0


def test_nobody_waits_for_a_reader(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], notice)
    lost_before = count_lost()
    line = b'x' * 999 + b'\n'
    count = 2 * MOST // 1000
    for _ in range(count):
        writer.write(line)
    writer.write(b'small, but not before there is enough room\n')
    lost = writer.lines_lost
    assert count - (MOST + BATCH + PIPE) // 1000 <= lost <= count + 1 - MOST // 1000
    assert count_lost() - lost_before == lost
    said = b'NOTE %d lines were lost here: writing took too long\n' % lost
    expected = line * (count + 1 - lost) + said
    reader, found = start_reading(pipe[0], len(expected) + len(b'after\n'))
    assert writer.flush(None)
    writer.write(b'after\n')
    reader.join(TIMEOUT)
    assert found == expected + b'after\n'
    end(writer)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    full = os.open('/dev/full', os.O_WRONLY)
    writer = Writer(full, notice)
    for i in range(3):
        writer.write(b'%d\n' % i)
        assert writer.flush(TIMEOUT)
    assert writer.lines_lost == 3
    with path.open('wb') as file:
        writer.do(lambda: os.dup2(file.fileno(), full))
        writer.write(b'again\n')
        assert writer.flush(TIMEOUT)
    end(writer)
    os.close(full)
    assert path.read_bytes() == b'NOTE 3 lines were lost here: No space left on device\nagain\n'


def test_a_line_that_was_torn_is_ended(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    with path.open('wb') as file:
        writer = Writer(file.fileno(), notice)
        before = limit_file_size(10)
        try:
            writer.write(b'first\nsecond\n')
            assert writer.flush(TIMEOUT)
        finally:
            limit_file_size(before)
        writer.write(b'third\n')
        assert writer.flush(TIMEOUT)
        end(writer)
    assert path.read_bytes() == b'first\nseco\nNOTE 1 line was lost here: File too large\nthird\n'


def limit_file_size(size: int) -> int:
    """Limit the files of this process, as a full disk would, and return the limit before."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    return soft


def test_a_reader_that_has_gone(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    writer = Writer(pipe[1], notice)
    writer.write(b'a\nb\n')
    assert writer.flush(TIMEOUT)
    assert writer.lines_lost == 2
    end(writer)


def test_a_descriptor_that_does_not_block(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    writer = Writer(pipe[1], notice)
    writer.write(b'x' * 3 * PIPE)
    writer.write(b'\n')
    assert not writer.flush(0.01)
    reader, found = start_reading(pipe[0], 3 * PIPE + 1)
    assert writer.flush(TIMEOUT)
    reader.join(TIMEOUT)
    assert bytes(found) == b'x' * 3 * PIPE + b'\n'
    assert writer.lines_lost == 0
    end(writer)


def test_a_child_process_writes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'file'
    with path.open('wb') as file:
        writer = Writer(file.fileno(), notice)
        writer.write(b'parent\n')
        assert writer.flush(TIMEOUT)
        process = os.getpid()
        monkeypatch.setattr(os, 'getpid', lambda: process + 1)  # threads do not survive a fork
        writer.write(b'child\n')
        assert writer.flush(0)
        assert path.read_bytes() == b'parent\nchild\n'
    monkeypatch.undo()
    end(writer)
