"""The directory of a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.explore.showing.sample import make_explored
from vaurien.errors import ConfigError, UnwrittenError
from vaurien.explore.model import Explored, Outcome
from vaurien.explore.showing.records import read_records
from vaurien.explore.showing.report import check_report, write_report

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


def test_only_outcomes_that_fail_make_a_test_case_fail(tmp_path: Path) -> None:
    for name, failing, failures in (('a', [Outcome.HUNG], 'failures="1"'), ('b', [], 'failures="0"')):
        write_report(tmp_path / name, make_explored(), failing=failing)
        assert failures in (tmp_path / name / 'junit.xml').read_text()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(UnwrittenError, match=r'^cannot write .*file/report: Not a directory$'):
        write_report(tmp_path / 'file' / 'report', [])


def test_a_directory_is_checked_before_there_is_anything_to_write(tmp_path: Path) -> None:
    check_report(tmp_path / 'new' / 'report')
    assert list((tmp_path / 'new' / 'report').iterdir()) == []
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match=r'^cannot write .*file: File exists$'):
        check_report(tmp_path / 'file')
    (tmp_path / 'other' / 'index.html').mkdir(parents=True)
    with pytest.raises(ConfigError, match=r'^cannot write .*index.html: Is a directory$'):
        check_report(tmp_path / 'other')
