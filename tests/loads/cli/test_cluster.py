"""What is packed for agents. ``test_broker.py`` and ``cluster/test_cluster_run.py`` have what is done with them."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vaurien.errors import ConfigError
from vaurien.loads.cli import cluster
from vaurien.loads.cli.flags import parse


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A test in a package, what it imports from beside it, and more."""
    for name, text in {
        'depot/__init__.py': '',
        'depot/cases.py': 'import unittest, beside\nclass TestIt(unittest.TestCase):\n    def test_it(self): pass\n',
        'depot/words.txt': '',
        'beside.py': '',
        'unrelated.py': '',
        'notes.md': '',
        'check.sh': '',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


TEST = {'depot/__init__.py', 'depot/cases.py', 'depot/words.txt', 'beside.py'}


@pytest.mark.parametrize(
    ('flags', 'names'),
    [
        (['depot.cases.TestIt.test_it'], TEST),
        (
            ['depot.cases.TestIt.test_it', '--include-file', '*.md', '--include-file', 'un*'],
            {
                *TEST,
                'notes.md',
                'unrelated.py',
            },
        ),
        (['depot.cases.TestIt.test_it', '--test-dir', '.'], {*TEST, 'notes.md', 'unrelated.py', 'check.sh'}),
        (['words', '--test-runner', './check.sh {test}'], {'check.sh'}),
        (['notes.md', '--test-runner', './check.sh {test}'], {'check.sh', 'notes.md'}),
    ],
)
def test_what_is_packed(flags: list[str], names: set[str]) -> None:
    packed = cluster._pack(parse([*flags, '--agents', '1']))
    assert {name for name in zipfile.ZipFile(io.BytesIO(packed)).namelist() if not name.endswith('.pyc')} == names


def test_a_test_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="TestIt has no test 'test_if', did you mean 'test_it'"):
        cluster._pack(parse(['depot.cases.TestIt.test_if', '--agents', '1']))
