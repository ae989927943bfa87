"""The directory of a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.explore.showing.sample import PLACE, POINTS, make_cell, make_explored
from vaurien.errors import ConfigError
from vaurien.explore.model import Explored, Outcome
from vaurien.explore.showing.records import read_records
from vaurien.explore.showing.report import write_report
from vaurien.framing.trials import Kind

FILES = ('explore.json', 'index.html', 'baseline.toml', 'explore.sarif', 'junit.xml')


def test_a_report_is_written_over_an_older_one(tmp_path: Path) -> None:
    directory = tmp_path / 'new' / 'report'
    write_report(directory, [Explored(test='old')])
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    write_report(directory, make_explored())
    after = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert after.keys() == before.keys() == set(FILES)
    assert read_records(directory / 'explore.json') == make_explored()
    assert all(after[name] != before[name] for name in after)


def test_the_same_makes_the_same_files(tmp_path: Path) -> None:
    for name in 'ab':
        write_report(tmp_path / name, make_explored())
    for path in (tmp_path / 'a').iterdir():
        assert path.read_bytes() == (tmp_path / 'b' / path.name).read_bytes()


def test_half_a_character_in_a_message_is_escaped(tmp_path: Path) -> None:
    cell = make_cell(POINTS[4], Kind.LOST, Outcome.WRONG, message="assert '\udcff' == ''")
    write_report(tmp_path, [Explored(test=PLACE, cells=[cell], problem='\udc80')])
    [read] = read_records(tmp_path / 'explore.json')
    assert read.cells[0].message == "assert '\\udcff' == ''"
    assert read.problem == '\\udc80'
    assert "assert '\\\\udcff' == ''" in (tmp_path / 'index.html').read_text()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match=r'^cannot write .*file/report: Not a directory$'):
        write_report(tmp_path / 'file' / 'report', [])
