"""Reports: how both records are compared, and what is written and read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tests.commands import run
from tests.servers import TIMEOUT, command_path
from vaurien.conntest import plot, summary
from vaurien.conntest.flags import parse
from vaurien.conntest.messages import Result, Run, RunGroup, client_run
from vaurien.conntest.report import make_report, read_report, write_report
from vaurien.conntest.timestamps import UNSET, format_timestamp
from vaurien.errors import ConfigError

GROUP = RunGroup(
    run_group_id='group',
    run_count=2,
    test_runs=None,
    description='',
    created_at=UNSET,
    concurrency=1,
    client_delay_ns=0,
    server_delay_ns=0,
)


def sent(number: int, data: bytes = b'x', error: str = '') -> Run:
    """Return the client's record of a run that took 30 ns for each of its numbers."""
    return client_run(GROUP, number, data, format_timestamp(0), format_timestamp(30 * number), error)


def seen(number: int, data: bytes = b'x', run_id: str = 'run') -> Run:
    """Return the server's record of a run that took 10 ns."""
    times: dict[str, Any] = {'time': UNSET, 'client_start': UNSET, 'client_end': UNSET}
    start, end = format_timestamp(5), format_timestamp(15)
    return Run(run_id=run_id, run_count=number, data=data, server_start=start, server_end=end, **times)


def compare(client: list[Run], server: list[Run] | None, earlier: frozenset[str] = frozenset()) -> list[Result]:
    """Return the results of both records."""
    return list(make_report(group(client), None if server is None else group(server), earlier).results or ())


def group(runs: list[Run]) -> RunGroup:
    return msgspec.structs.replace(GROUP, test_runs=runs)


def errors(results: list[Result]) -> dict[int, str]:
    return {result.run_count: result.error for result in results if result.error}


def test_all_is_well() -> None:
    results = compare([sent(2), sent(1)], [seen(1, run_id='a'), seen(2, run_id='b')])
    assert [(result.run_count, result.run_id, result.error) for result in results] == [(1, 'a', ''), (2, 'b', '')]
    assert [(result.client_duration_ns, result.server_duration_ns) for result in results] == [(30, 10), (60, 10)]


@pytest.mark.parametrize(
    ('client', 'server', 'said'),
    [
        ([sent(1)], [], {1: 'server run not found'}),
        ([sent(1)], None, {}),
        ([sent(1, error='connection refused')], [seen(1)], {1: 'connection refused'}),
        ([sent(1, error='connection refused')], [], {1: 'connection refused; server run not found'}),
        ([sent(1)], [seen(1, b'y')], {1: 'data mismatch'}),
        ([sent(1)], [seen(1), seen(1)], {1: 'seen 2 times by the server'}),
        ([sent(1)], [seen(1, b'y'), seen(1)], {1: 'seen 2 times by the server'}),
        ([sent(1)], [seen(1, b'y'), seen(1, b'z')], {1: 'data mismatch; seen 2 times by the server'}),
        ([sent(1)], [seen(1), seen(7)], {7: 'never sent by this client'}),
    ],
)
def test_discrepancies(client: list[Run], server: list[Run] | None, said: dict[int, str]) -> None:
    assert errors(compare(client, server)) == said


def test_runs_from_before_do_not_count() -> None:
    assert errors(compare([sent(1)], [seen(1, b'y', 'old'), seen(1), seen(7, run_id='old')], frozenset(['old']))) == {}


def test_a_server_that_records_no_times() -> None:
    record = seen(1)
    record.server_end = ''
    assert [(result.server_duration_ns, result.error) for result in compare([sent(1)], [record])] == [(0, '')]


def test_the_average_is_that_of_runs_without_an_error() -> None:
    runs = [sent(1), sent(2), sent(3, error='connection refused')]
    assert make_report(group(runs), None).average_response_time_ns == 45
    assert make_report(group([]), None).average_response_time_ns == 0


def test_what_is_written_is_read(tmp_path: Path) -> None:
    report = make_report(group([sent(1, b'\xff')]), None)
    write_report(report, tmp_path / 'report.json')
    assert read_report(tmp_path / 'report.json') == report


@pytest.mark.parametrize(
    ('program', 'said'),
    [
        ('.average_response_time_ns', '11517477\n'),
        ('.results[] | select(.error != null) | .run_count', '1\n4\n'),
        ('.results |=sort_by(.run_count)|.results[]|.client_duration_ns', '16665610\n15866378\n2020444\n15866378\n'),
    ],
)
def test_jq(faulty_report: Path, program: str, said: str) -> None:
    done = subprocess.run([command_path('jq'), program, faulty_report], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.stdout, done.stderr) == (said, '')


@pytest.mark.parametrize('command', [summary, plot])
@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (None, 'cannot read report.json: No such file or directory'),
        ('', 'report.json is not a report: Input data was truncated'),
        ('{}', 'report.json is not a report: Object missing required field `client_run_group`'),
        ('hello', 'report.json is not a report: JSON is malformed'),
        ('{"x":' * 1_000_000, 'report.json is not a report: nested too deeply'),
        ('[' * 10_000_001, 'report.json is not a report: more than 10000000 values'),
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
