"""``vaurien report``: which files it takes, and what it says of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import call, run
from tests.explore.showing.sample import make_explored
from vaurien.cli.report import main
from vaurien.explore.showing.report import write_report


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which has two reports in it."""
    first, *others = make_explored()
    write_report(tmp_path / 'first', [first])
    write_report(tmp_path / 'others', others)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_is_about_all_of_them(folder: Path) -> None:
    result = call(main, '--title', 'Shop', 'first', 'others/explore.json')
    assert (result.returncode, result.stdout, result.stderr) == (0, 'The page is resilience.html.\n', '')
    page = (folder / 'resilience.html').read_text()
    assert '<title>Shop</title>' in page
    assert '"score":{"survived":16,"tried":23,"possible":31}' in page


def test_findings_may_be_accepted(folder: Path) -> None:
    baseline = folder / 'first' / 'baseline.toml'
    baseline.write_text(baseline.read_text().replace('reason = ""', 'reason = "We know."'))
    assert call(main, 'first', '--baseline', str(baseline), '--output', 'page.html').returncode == 0
    assert '"reason":"We know."' in (folder / 'page.html').read_text()
    assert '"reason":""' not in (folder / 'page.html').read_text()


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ([], 'there is nothing to report: vaurien report [flags] DIR|EXPLORE.JSON ...'),
        (['none'], 'none: no such file or directory'),
        (['first', 'first/explore.json'], 'the same exploration is given twice'),
        (['first/index.html'], 'first/index.html: JSON is malformed'),
        (['first', '--output', 'none/page.html'], 'cannot write none/page.html: No such file or directory'),
        (['first', '--out', 'page.html'], 'unknown flag --out, did you mean --output?'),
    ],
)
def test_a_mistake_is_one_line(folder: Path, words: list[str], said: str) -> None:
    result = call(main, *words)
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr.startswith(f'vaurien report: error: {said}')
    assert result.stderr.count('\n') == 1


def test_the_command(folder: Path) -> None:
    result = run('vaurien', 'report', str(folder / 'first'), '--output', str(folder / 'page.html'))
    assert (result.returncode, result.stderr) == (0, '')
