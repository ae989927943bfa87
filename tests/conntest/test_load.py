"""Many clients at a time, and many runs: none is lost. ``python -m benchmarks.conntest`` makes ten times as many."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import run
from tests.conntest.serving import StartServer
from tests.servers import TIMEOUT

RUNS = 10_000
CLIENTS = 200


def test_no_run_is_lost(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    report = tmp_path / 'report.json'
    flags = ('--run-count', str(RUNS), '--concurrency', str(CLIENTS), '-f', str(report))
    done = run('conntest', 'run', '-r', server.url, *flags, timeout=10 * TIMEOUT)
    assert done.returncode == 0, done.stderr
    content = json.loads(report.read_bytes())
    recorded = [test_run['run_count'] for test_run in content['server_run_group']['test_runs']]
    assert sorted(recorded) == list(range(1, RUNS + 1))
    assert [result['run_count'] for result in content['results']] == list(range(1, RUNS + 1))


def test_the_store_is_bounded_under_load(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server('--max-memory', '1')
    report = tmp_path / 'report.json'
    flags = ('--run-count', '2000', '--concurrency', str(CLIENTS), '-f', str(report))
    done = run('conntest', 'run', '-r', server.url, *flags, timeout=10 * TIMEOUT)
    assert done.returncode == 1
    results = json.loads(report.read_bytes())['results']
    refused = [result for result in results if result.get('error') == 'bad status code: 507; server run not found']
    kept = [result for result in results if 'error' not in result]
    assert len(refused) + len(kept) == 2000
    assert 1000 < len(kept) < 1500, 'a MiB of them'
