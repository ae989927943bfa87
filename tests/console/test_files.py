"""Files that can be read and written, or not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers import TIMEOUT
from vaurien.console import files
from vaurien.console.files import check_writable, read_file, writing
from vaurien.errors import ConfigError

MIB = 1024 * 1024


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Return a named pipe."""
    path = tmp_path / 'pipe'
    os.mkfifo(path)
    return path


def refusal(read: Callable[[], bytes]) -> str:
    """Return why it cannot be read."""
    try:
        read()
    except OSError as error:
        return str(error.strerror)
    return 'it was read'


@pytest.mark.parametrize('size', [0, 1, MIB, 3 * MIB])
def test_a_file_that_is_not_too_large(tmp_path: Path, size: int) -> None:
    path = tmp_path / 'file'
    path.write_bytes(bytes(size))
    assert read_file(path, 3 * MIB) == bytes(size)


def test_files_without_a_size() -> None:
    assert read_file('/proc/self/stat', MIB).startswith(b'%d ' % os.getpid())
    assert read_file('/dev/null', MIB) == b''


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    path.touch()
    os.truncate(path, 10**12)
    assert refusal(lambda: read_file(path, 2 * MIB)) == 'it has more than 2 MiB'
    assert refusal(lambda: read_file('/dev/zero', MIB)) == 'it has more than 1 MiB'
    assert refusal(lambda: read_file('/dev/zero', MIB // 4)) == 'it has more than 256 KiB'


def test_no_file(tmp_path: Path) -> None:
    assert refusal(lambda: read_file(tmp_path, MIB)) == 'Is a directory'
    assert refusal(lambda: read_file(tmp_path / 'x', MIB)) == 'No such file or directory'


def test_a_pipe_that_ends(pipe: Path) -> None:
    thread = threading.Thread(target=pipe.write_bytes, args=(bytes(MIB),))
    thread.start()
    assert read_file(pipe, MIB) == bytes(MIB)
    thread.join(TIMEOUT)


def test_a_pipe_that_nobody_writes_to(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, 'READ_TIMEOUT', 0.1)
    assert refusal(lambda: read_file(pipe, MIB)) == 'it does not end within 0.1 s'


def test_a_pipe_that_does_not_end(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, 'READ_TIMEOUT', 0.1)
    ends = os.open(pipe, os.O_RDWR)
    os.write(ends, b'x')
    assert refusal(lambda: read_file(pipe, MIB)) == 'it does not end within 0.1 s'
    os.close(ends)


def test_a_check_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / 'report.json'
    check_writable(path)
    assert not path.exists()


def test_a_check_leaves_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / 'report.json'
    path.write_text('old')
    check_writable(str(path))
    assert path.read_text() == 'old'


@pytest.mark.parametrize(('name', 'reason'), [('', 'Is a directory'), ('no/report', 'No such file or directory')])
def test_a_file_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / name
    with pytest.raises(ConfigError) as caught:
        check_writable(path)
    assert str(caught.value) == f'cannot write {path}: {reason}'


def test_a_disk_that_is_full() -> None:
    path = Path('/dev/full')
    check_writable(path)
    with pytest.raises(ConfigError, match='cannot write /dev/full: No space left on device'), writing(path):
        path.write_bytes(b'x')
