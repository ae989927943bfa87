"""Pictures: what is checked before, and what is written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vaurien.console.picture import check_picture, save
from vaurien.errors import ConfigError, UnwrittenError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def make_figure() -> Figure:
    """Return the smallest figure."""
    from matplotlib.figure import Figure  # late: it takes a while

    return Figure(figsize=(1, 1))


@pytest.mark.parametrize(('suffix', 'start'), [('.png', b'\x89PNG\r\n\x1a\n'), ('.svg', b'<?xml'), ('.pdf', b'%PDF')])
def test_formats(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f'picture{suffix}'
    check_picture(path)
    assert not path.exists()
    save(make_figure(), path)
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ('path', 'said'),
    [
        ('picture.gif', "expected a file named .png, .svg, .pdf, got 'picture.gif'"),
        ('picture', "expected a file named .png, .svg, .pdf, got 'picture'"),
        ('/nowhere/picture.png', 'cannot write /nowhere/picture.png: No such file or directory'),
    ],
)
def test_a_file_that_will_not_do(path: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_picture(Path(path))
    assert str(caught.value) == said


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    path = tmp_path / 'picture.png'
    path.symlink_to('/dev/full')
    with pytest.raises(UnwrittenError, match=f'cannot write {path}: No space left'):
        save(make_figure(), path)


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    with pytest.raises(ConfigError, match=r"drawing needs matplotlib: pip install 'vaurien\[plot\]'"):
        check_picture(tmp_path / 'picture.png')
