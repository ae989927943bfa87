"""``conntest plot``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import run
from tests.conntest.test_messages import GOLDEN
from tests.servers import TIMEOUT
from vaurien.conntest import plot
from vaurien.conntest.flags import parse
from vaurien.errors import ConfigError

PNG = b'\x89PNG\r\n\x1a\n'


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a report of three runs, one of which failed, to the current directory."""
    monkeypatch.chdir(tmp_path)
    content = json.loads((GOLDEN / 'report.json').read_bytes())
    content['results'][1]['error'] = 'data mismatch'
    path = Path('report.json')
    path.write_text(json.dumps(content))
    return path


def draw(*arguments: str) -> None:
    """Draw without a process of its own, which takes a while."""
    assert plot.command(parse(['plot', *arguments])) == 0


def draw_by_command(*arguments: str) -> None:
    done = run('conntest', 'plot', *arguments, timeout=4 * TIMEOUT)
    assert 'Warning' not in done.stderr  # where fonts are new to it, matplotlib says that it looks at them
    assert (done.returncode, done.stdout) == (0, '')


def test_a_picture(report: Path) -> None:
    draw_by_command('report.json')
    picture = Path('roundtrip.png').read_bytes()
    assert picture.startswith(PNG)
    assert (int.from_bytes(picture[16:20], 'big'), int.from_bytes(picture[20:24], 'big')) == (1000, 600)


def test_what_is_in_it(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path('matplotlibrc').write_text('svg.fonttype: none\n')  # text as text
    draw_by_command('report.json', '-o', 'roundtrip.svg')
    picture = Path('roundtrip.svg').read_text()
    for text in (
        'example &lt;test&gt; &amp; group: 3 runs, 2 at a time',
        *('run', 'round trip (ms)', 'p50 2.020 ms', 'p90 15.866 ms', 'p99 15.866 ms', '1 errors'),
    ):
        assert f'>{text}</text>' in picture


def test_a_description_is_no_formula(report: Path) -> None:
    content = json.loads(report.read_bytes())
    content['client_run_group']['description'] = r'$\frac{$'
    report.write_text(json.dumps(content))
    draw('report.json')


@pytest.mark.parametrize('results', [[], None])
def test_of_nothing(report: Path, results: list[object] | None) -> None:
    content = json.loads(report.read_bytes())
    report.write_text(json.dumps({**content, 'results': results}))
    draw('report.json', '-o', 'roundtrip.pdf')
    assert Path('roundtrip.pdf').read_bytes().startswith(b'%PDF')


def test_a_file_that_will_not_do(report: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a file named .*, got 'roundtrip\.gif'"):
        draw('report.json', '-o', 'roundtrip.gif')
    assert not Path('roundtrip.gif').exists()
