"""``conntest summary``: a report in a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import run
from tests.conntest.test_messages import GOLDEN
from tests.servers import TIMEOUT
from vaurien.conntest import summary
from vaurien.conntest.flags import parse
from vaurien.conntest.summary import format_ms

#: What the original has written.
REPORT = GOLDEN / 'report.json'


def summarize(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the command prints, without a process of its own, which takes a while."""
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


def test_the_summary_counts_errors(faulty_report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = summarize(faulty_report, capsys)
    assert said.splitlines()[-4:] == [
        'errors    2 (50.0 %)',
        '               1  data mismatch',
        '               1  connection refused',
        'upstream  3 × 404',
    ]
    assert 'p99       15.866 ms' in said


def test_the_summary_steers_no_terminal(faulty_report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(faulty_report.read_bytes())
    content['client_run_group']['description'] = 'red: \x1b[31m\nruns'
    content['results'][1]['error'] = '\x1b]0;title\x07'
    faulty_report.write_text(json.dumps(content))
    said = summarize(faulty_report, capsys)
    assert said.startswith('group     red: ?[31m?runs\n')
    assert '1  ?]0;title?\n' in said


@pytest.mark.parametrize(
    ('change', 'line'),
    [
        ({'server_run_group': None}, 'compared  no, the record of the server is missing'),
        ({'results': None}, 'runs      0, 2 at a time'),
    ],
)
def test_what_is_missing(
    faulty_report: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], line: str
) -> None:
    faulty_report.write_text(json.dumps(json.loads(faulty_report.read_bytes()) | change))
    assert line in summarize(faulty_report, capsys).splitlines()


def test_milliseconds() -> None:
    assert [format_ms(time) for time in (0, 1, 1_234_567, 2_000_000_000)] == [
        '0.000 ms',
        '0.000 ms',
        '1.235 ms',
        '2000.000 ms',
    ]
