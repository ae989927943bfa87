"""Files that can be read and written, or not."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit
from tempfile import TemporaryDirectory

import pytest

from tests.servers import TIMEOUT
from vaurien.console import files
from vaurien.console.files import check_writable, read_file, write_file
from vaurien.errors import ConfigError, UnwrittenError

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
    check_writable('/dev/full')
    with pytest.raises(UnwrittenError, match='cannot write /dev/full: No space left on device'):
        write_file('/dev/full', b'x')


def test_what_does_not_fit_leaves_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / 'report.json'
    write_file(path, b'old')
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (MIB, before[1]))
    try:
        with pytest.raises(UnwrittenError, match=f'cannot write {path}: File too large'):
            write_file(path, bytes(2 * MIB))
    finally:
        setrlimit(RLIMIT_FSIZE, before)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b'old', [path])


def test_a_file_that_is_replaced_keeps_its_permissions_and_its_link(tmp_path: Path) -> None:
    path, link = tmp_path / 'report.json', tmp_path / 'latest.json'
    path.write_text('old')
    path.chmod(0o640)
    link.symlink_to(path)
    write_file(link, b'new')
    assert (path.read_bytes(), path.stat().st_mode & 0o777, link.is_symlink()) == (b'new', 0o640, True)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root may give a file away')
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / 'report.json'
    path.write_text('old')
    os.chown(path, 12345, 12346)
    write_file(path, b'new')
    assert (path.read_bytes(), path.stat().st_uid, path.stat().st_gid) == (b'new', 12345, 12346)


@pytest.mark.parametrize('number', [errno.EPERM, errno.EINVAL, errno.ENOSYS])
def test_a_file_whose_owner_cannot_be_kept_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / 'report.json'
    path.write_text('older')
    before = path.stat().st_ino
    monkeypatch.setattr(os, 'chown', fail)
    write_file(path, b'new')
    assert (path.read_bytes(), path.stat().st_ino, list(tmp_path.iterdir())) == (b'new', before, [path])


#: Writes to the standard output between two lines.
TO_STDOUT = """
from vaurien.console.files import check_writable, write_file
print('before', flush=True)
check_writable('/dev/stdout')
write_file('/dev/stdout', b'report\\n')
print('after')
"""


def test_the_standard_output_is_a_file_too(tmp_path: Path) -> None:
    command = [sys.executable, '-c', TO_STDOUT]
    assert subprocess.check_output(command, text=True, timeout=TIMEOUT) == 'before\nreport\nafter\n'
    path = tmp_path / 'out'
    with path.open('a') as file:  # as by >> of a shell
        subprocess.run(command, stdout=file, check=True, timeout=TIMEOUT)
    assert path.read_text().endswith('report\nafter\n')


@pytest.mark.skipif(not Path('/dev/shm').is_dir(), reason='it is of Linux')
def test_a_file_in_shared_memory_is_a_file() -> None:
    with TemporaryDirectory(dir='/dev/shm') as folder:
        path = Path(folder, 'report.json')
        write_file(path, b'old')
        write_file(path, b'new')
        assert path.read_bytes() == b'new'


def test_a_check_leaves_a_link_to_nothing(tmp_path: Path) -> None:
    link = tmp_path / 'latest.json'
    link.symlink_to(tmp_path / 'report.json')
    check_writable(link)
    assert list(tmp_path.iterdir()) == [link]
    write_file(link, b'new')
    assert (tmp_path / 'report.json').read_bytes() == b'new'


def test_a_pipe_that_somebody_reads(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, b'new')
    assert os.read(reader, 10) == b'new'
    os.close(reader)
