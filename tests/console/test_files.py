"""Files that can be written, or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaurien.console.files import check_writable, writing
from vaurien.errors import ConfigError


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
