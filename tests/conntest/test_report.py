"""Reports as they are written, read and told in short."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.commands import run
from tests.conntest.test_messages import GOLDEN
from tests.servers import TIMEOUT, command_path
from vaurien.conntest import plot, summary
from vaurien.conntest.flags import parse
from vaurien.errors import ConfigError

#: What the original has written.
REPORT = GOLDEN / 'report.json'


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The same with errors in two of four runs."""
    content: dict[str, Any] = json.loads(REPORT.read_bytes())
    first = content['results'][0]
    content['results'][1]['error'] = 'data mismatch'
    content['results'].append({**first, 'run_count': 4, 'run_id': '', 'error': 'connection refused'})
    path = tmp_path / 'report.json'
    path.write_text(json.dumps(content))
    return path


def summarize(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints, without a process of its own, which takes a while."""
    assert summary.command(parse(['summary', str(path)])) == 0
    return capsys.readouterr().out


def test_the_summary_of_a_report_of_the_original() -> None:
    done = run('conntest', 'summary', str(REPORT), timeout=4 * TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        'group     example <test> & group',
        'runs      3, 2 at a time',
        'average   11.517 ms',
        'min       2.020 ms',
        'p50       15.866 ms',
        'p90       16.666 ms',
        'p99       16.666 ms',
        'max       16.666 ms',
        'errors    none',
        'upstream  3 × 404',
    ]


def test_the_summary_counts_errors(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = summarize(report, capsys)
    assert said.splitlines()[-4:] == [
        'errors    2 (50.0 %)',
        '               1  data mismatch',
        '               1  connection refused',
        'upstream  3 × 404',
    ]
    assert 'p99       15.866 ms' in said


def test_the_summary_steers_no_terminal(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(report.read_bytes())
    content['client_run_group']['description'] = 'red: \x1b[31m\nruns'
    content['results'][1]['error'] = '\x1b]0;title\x07'
    report.write_text(json.dumps(content))
    said = summarize(report, capsys)
    assert said.startswith('group     red: ?[31m?runs\n')
    assert '1  ?]0;title?\n' in said


@pytest.mark.parametrize(
    ('program', 'said'),
    [
        ('.average_response_time_ns', '11517477\n'),
        ('.results[] | select(.error != null) | .run_count', '1\n4\n'),
        ('.results |=sort_by(.run_count)|.results[]|.client_duration_ns', '16665610\n15866378\n2020444\n15866378\n'),
    ],
)
def test_jq(report: Path, program: str, said: str) -> None:
    done = subprocess.run([command_path('jq'), program, report], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.stdout, done.stderr) == (said, '')


@pytest.mark.parametrize('command', [summary, plot])
@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (None, 'cannot read report.json: No such file or directory'),
        ('', 'report.json is not a report: Input data was truncated'),
        ('{}', 'report.json is not a report: Object missing required field `client_run_group`'),
        ('hello', 'report.json is not a report: JSON is malformed'),
    ],
)
def test_what_is_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: ModuleType, content: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path('report.json').write_text(content)
    with pytest.raises(ConfigError, match='^' + re.escape(said)):
        command.command(parse([command.__name__.rpartition('.')[2], 'report.json']))
    assert not Path('roundtrip.png').exists()


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    done = run('conntest', 'summary', str(tmp_path / 'no.json'), timeout=4 * TIMEOUT)
    said = f'conntest: error: cannot read {tmp_path}/no.json: No such file or directory\n'
    assert (done.returncode, done.stdout, done.stderr) == (2, '', said)
