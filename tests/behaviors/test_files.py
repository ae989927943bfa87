"""What a reader finds in the folder of behaviors: one short file for each."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import vaurien.behaviors
from vaurien.behaviors import Behavior

FILES = sorted(Path(vaurien.behaviors.__path__[0]).glob('*.py'))
#: Lines of a file, which is read from top to bottom.
MOST = 60


def test_there_is_one_for_each() -> None:
    assert [path.stem for path in FILES] == sorted(['__init__', *Behavior._installed()])


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < MOST


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_knows_no_other_behavior_but_its_base_class(path: Path) -> None:
    imported = [
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith('vaurien.behaviors')
    ]
    assert len(imported) <= 1
