"""Packing what a test needs, and nothing else; unpacking it, and nowhere else."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from pathlib import Path

import pytest

from vaurien.errors import ConfigError
from vaurien.loads.cluster import packing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    skipped = ('pack/__pycache__/x.pyc', '.git/config', 'venv/pyvenv.cfg', 'venv/x.py')
    for name in ('pack/__init__.py', 'pack/data/x.txt', *skipped):
        path = tmp_path / 'root' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('')
    (tmp_path / 'root' / 'run.sh').write_text('#!/bin/sh\n')
    (tmp_path / 'root' / 'run.sh').chmod(0o755)
    return tmp_path / 'root'


def test_there_and_back(root: Path, tmp_path: Path) -> None:
    packing.unpack(packing.pack([root], root), tmp_path / 'there')
    there = tmp_path / 'there'
    found = {str(path.relative_to(there)) for path in there.rglob('*') if path.is_file()}
    assert found == {'pack/__init__.py', 'pack/data/x.txt', 'run.sh'}
    assert (there / 'run.sh').stat().st_mode & 0o777 == 0o755


def test_a_name_that_leads_out(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        archive.writestr('../../outside.txt', 'x')
        archive.writestr('/absolute.txt', 'x')
    packing.unpack(packed.getvalue(), tmp_path / 'in' / 'side')
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file()}
    assert found == {'in/side/outside.txt', 'in/side/absolute.txt'}


def test_too_much(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, 'MAX_PACKED', 10)
    with pytest.raises(ConfigError, match='choose what is sent with --test-dir and --include-file'):
        packing.pack([root], root)


def test_a_file_that_packs_well(root: Path) -> None:
    (root / 'zeros').touch()
    os.truncate(root / 'zeros', packing.MAX_SIZE)
    with pytest.raises(ConfigError, match='the files of the test come to more than 1024 MiB: choose'):
        packing.pack([root], root)


def test_pipes_and_devices_are_left_out(root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / 'pack' / 'pipe')
    (root / 'zero').symlink_to('/dev/zero')
    packing.unpack(packing.pack([root], root), tmp_path / 'there')
    assert not {'pipe', 'zero'} & {path.name for path in (tmp_path / 'there').rglob('*')}


def test_what_a_test_has_imported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / 'alone.py').write_text('import pack\n')
    (root / 'other.py').write_text('')
    monkeypatch.syspath_prepend(root)
    monkeypatch.setattr(sys, 'modules', dict(sys.modules))
    import alone  # type: ignore[import-not-found]  # noqa: F401

    assert set(packing.find_loaded('alone', root)) == {root / 'alone.py', root / 'pack'}


def test_files_in_a_command(root: Path) -> None:
    found = packing.find_named('./run.sh --fast {test}', 'pack/data/x.txt', root)
    assert found == [root / 'run.sh', root / 'pack/data/x.txt']
    assert packing.find_named('/bin/sh ../outside {test}', 'x', root) == []
