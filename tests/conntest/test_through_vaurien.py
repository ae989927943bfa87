"""Through a proxy that makes the server fail: the report shows just that."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.commands import StartCommand, run
from tests.conntest.serving import Server
from tests.servers import TIMEOUT
from vaurien.client import Client

#: The text of a run among the faults of the proxy.
RUN = re.compile(r'POST /test-groups/[0-9a-f-]{36}/(\d+)')
#: What the client says of each behavior.
SAID = {
    'error': re.compile(r'bad status code: 50[0-3]; server run not found'),
    'blackout': re.compile('connection (closed without an answer|reset by peer); server run not found'),
}


def test_the_report_shows_the_faults(server: Server, vaurien_command: StartCommand, tmp_path: Path) -> None:
    proxy = vaurien_command(
        *('--backend', f'127.0.0.1:{server.port}', '--protocol', 'http'),
        *('--behavior', '5:error,5:blackout', '--seed', '1', '--http'),
    )
    report = tmp_path / 'report.json'
    flags = ('--run-count', '400', '--concurrency', '5')
    done = run('conntest', 'run', '-r', f'http://{proxy.address}', '-f', str(report), *flags, timeout=4 * TIMEOUT)
    control = Client(port=proxy.control_port)
    faults = control.faults()
    counts = control.status()['faults']
    assert sum(counts.values()) == len(faults), 'all of them are kept'
    expected = {int(match[1]): fault.behavior for fault in faults if (match := RUN.fullmatch(fault.request))}
    assert set(expected.values()) == {'error', 'blackout'}

    results = json.loads(report.read_bytes())['results']
    errors = {result['run_count']: result['error'] for result in results if 'error' in result}
    assert {
        number: behavior for number, text in errors.items() for behavior in SAID if SAID[behavior].fullmatch(text)
    } == expected
    assert len(errors) == len(expected)
    assert len(results) == 400
    assert done.returncode == 1
    assert f'errors    {len(errors)} ({len(errors) / 4:.1f} %)\n' in done.stdout


def test_faults_beside_the_runs_do_no_harm(server: Server, vaurien_command: StartCommand) -> None:
    proxy = vaurien_command(
        *('--backend', f'127.0.0.1:{server.port}', '--protocol', 'http', '--http'),
        *('--behavior', "error(match='GET *', times=3),blackout(match='* */create', times=2)"),
    )
    done = run('conntest', 'run', '-r', f'http://{proxy.address}', '--run-count', '9', timeout=4 * TIMEOUT)
    assert done.returncode == 0, done.stderr
    attempts = [line.rpartition('; ')[2] for line in done.stderr.splitlines()]
    assert attempts == [f'attempt {number} follows' for number in (2, 3, 2, 3, 4)]
    assert Client(port=proxy.control_port).status()['faults'] == {'error': 3, 'blackout': 2}
