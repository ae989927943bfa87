"""The command against real servers: its output, its exit status, its end."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
import trustme
from gevent import get_hub

from tests.commands import StartCommand, call, run
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT, Server
from tests.tcpgoon.dialing import closed_port
from tests.tcpgoon.processes import GOON, STATUS, read_statuses, running
from vaurien.console import signals
from vaurien.tcpgoon.main import main

DURATION = r'\d+(\.\d+)?(µs|ms|s)'


def test_the_output_of_a_success(holder: RawBackend) -> None:
    result = run('tcpgoon', HOST, str(holder.port), '--connections', '20', '--sleep', '1', '-y')
    assert (result.returncode, result.stderr) == (0, '')
    lines = result.stdout.splitlines()
    assert lines[0] == 'Total: 20, Dialing: 0, Established: 0, Closed: 0, Error: 0, NotInitiated: 20'
    header = lines.index(f'--- {HOST}:{holder.port} tcp test statistics ---')
    last = 'Total: 20, Dialing: 0, Established: 20, Closed: 0, Error: 0, NotInitiated: 0'
    assert lines[header - 1] == lines[header + 1] == last
    assert all(map(STATUS.fullmatch, lines[:header]))
    pattern = rf'Response time stats for 20 established connections min/avg/max/dev = ({DURATION}/){{3}}{DURATION}'
    assert re.fullmatch(pattern, lines[header + 2])
    assert lines[header + 3 :] == [
        '--- tcpgoon execution statistics ---',
        'Total established connections: 20',
        'Max concurrent established connections: 20',
        'Number of established connections on closure: 20',
    ]


def test_a_line_every_interval(holder: RawBackend) -> None:
    result = run('tcpgoon', '-y', '-c', '3', '-s', '999', '-i', '1', HOST, str(holder.port))
    statuses = read_statuses(result.stdout)
    assert [status['not_initiated'] for status in statuses[:1]] == [3]
    assert len(statuses) >= 4  # the first, that after one second, the last, and the last once more
    assert all(sum(status.values()) == 2 * status['total'] for status in statuses)


def test_no_interval(holder: RawBackend) -> None:
    result = call(main, '-y', '-c', '3', '-i', '0', HOST, str(holder.port))
    assert [status['established'] for status in read_statuses(result.stdout)] == [0, 3, 3]


def test_the_output_of_a_failure() -> None:
    with closed_port() as port:
        result = call(main, 'run', '-y', '-c', '5', '-s', '0', HOST, str(port))
    assert (result.returncode, result.stderr) == (1, '')
    assert 'Total: 5, Dialing: 0, Established: 0, Closed: 0, Error: 5, NotInitiated: 0\n' in result.stdout
    assert 'Response time' not in result.stdout
    pattern = rf'^Time to error stats for 5 failed connections min/avg/max/dev = ({DURATION}/){{3}}{DURATION}$'
    assert re.search(pattern, result.stdout, re.MULTILINE)
    assert result.stdout.endswith('\nErrors: 5 ECONNREFUSED (Connection refused)\n')


def test_ipv6_and_names(holder: RawBackend) -> None:
    assert call(main, '-y', '-c', '2', 'localhost', str(holder.port)).returncode == 0
    with closed_port() as port:
        result = call(main, '-y', '-c', '2', '[::1]', str(port))
    assert f'--- [::1]:{port} tcp test statistics ---' in result.stdout
    assert result.returncode == 1


def test_verbose(holder: RawBackend) -> None:
    result = run('tcpgoon', '-y', '-v', '-c', '2', HOST, str(holder.port))
    assert re.search(r'DEBUG connection 2: dialing\n', result.stderr)
    assert re.search(r'DEBUG connection 2: established in 0\.\d+ s\n', result.stderr)
    assert 'DEBUG' not in result.stdout


def test_verbose_in_json(holder: RawBackend) -> None:
    result = call(main, '-y', '-v', '--log-format', 'json', '-c', '1', HOST, str(holder.port))
    messages = [json.loads(line)['message'] for line in result.stderr.splitlines()]
    assert messages[0] == 'connection 1: dialing'


def test_json(holder: RawBackend) -> None:
    result = call(main, '--json', '-y', '-c', '7', '-s', '0', HOST, str(holder.port))
    summary = json.loads(result.stdout)
    assert summary['counts'] == {
        'total': 7,
        'dialing': 0,
        'established': 7,
        'closed': 0,
        'error': 0,
        'not_initiated': 0,
    }
    times = summary['times_ms']['response']
    assert times['count'] == 7
    assert 0 < times['min'] <= times['p50'] <= times['p90'] <= times['p99'] == times['max']
    assert summary['errors'] == {}
    assert summary['exit_status'] == result.returncode == 0
    assert len(read_statuses(result.stderr)) >= 2


def test_json_of_failures() -> None:
    with closed_port() as port:
        result = call(main, '--json', '-y', '-c', '7', '-s', '0', HOST, str(port))
    summary = json.loads(result.stdout)
    assert summary['errors'] == {'ECONNREFUSED': 7}
    assert summary['times_ms']['response'] is None
    assert summary['times_ms']['error']['count'] == 7
    assert summary['exit_status'] == result.returncode == 1


def test_a_real_server_in_its_own_words(redis_server: Server) -> None:
    question = ('--send', r'PING\r\n', '--expect', '+PONG')
    result = call(main, '-y', '-c', '50', '-s', '0', *question, HOST, str(redis_server.port))
    assert (result.returncode, read_statuses(result.stdout)[-1]['established']) == (0, 50)
    result = call(main, '-y', '-c', '2', '-d', '300', *question[:3], 'PONG?', HOST, str(redis_server.port))
    assert result.returncode == 1
    assert '2 ETIMEDOUT' in result.stdout


def test_tls(holder: RawBackend, authority: trustme.CA, tmp_path: Path) -> None:
    file = tmp_path / 'ca.pem'
    authority.cert_pem.write_to_path(str(file))
    result = call(main, '-y', '-c', '2', '-d', '300', '--tls', '--cacert', str(file), HOST, str(holder.port))
    assert (result.returncode, '2 ETIMEDOUT' in result.stdout) == (1, True)


class TestThroughVaurien:
    """Connections through a proxy that makes them fail."""

    def test_a_proxy_that_does_nothing(self, echo_server: RawBackend, vaurien_command: StartCommand) -> None:
        proxy = vaurien_command('--backend', echo_server.address)
        flags = ('-c', '50', '-s', '0', '--send', 'hello', '--expect', 'hello', '--hold', '0.3')
        result = run('tcpgoon', '-y', *flags, HOST, str(proxy.port))
        assert (result.returncode, read_statuses(result.stdout)[-1]['established']) == (0, 50)

    def test_connections_that_die(self, echo_server: RawBackend, vaurien_command: StartCommand) -> None:
        proxy = vaurien_command('--backend', echo_server.address, '--behavior', '100:blackout')
        flags = ('-c', '20', '-s', '0', '--send', 'hello', '--json')
        held = run('tcpgoon', '-y', *flags, '--hold', '60', HOST, str(proxy.port))
        summary = json.loads(held.stdout)
        assert summary['counts']['closed'] == len(summary['deaths']) == 20
        assert summary['established'] == {'total': 20, 'most': summary['established']['most'], 'at_end': 0}
        assert held.returncode == 1

    def test_some_of_them(self, echo_server: RawBackend, vaurien_command: StartCommand) -> None:
        proxy = vaurien_command('--backend', echo_server.address, '--behavior', '50:blackout', '--seed', '7')
        flags = ('-c', '40', '-s', '0', '--send', 'hello', '--expect', 'hello', '-d', '2000')
        result = run('tcpgoon', '-y', *flags, HOST, str(proxy.port))
        status = read_statuses(result.stdout)[-1]
        assert 0 < status['error'] < 40
        assert result.returncode == 1
        said = proxy.stop()[1]
        assert f'faults: {status["error"]} blackout' in said

    def test_a_backend_that_is_not_there(self, vaurien_command: StartCommand) -> None:
        with closed_port() as port:
            proxy = vaurien_command('--backend', f'{HOST}:{port}')
            result = run('tcpgoon', '-y', '-c', '5', '-s', '0', '--hold', '60', HOST, str(proxy.port))
        status = read_statuses(result.stdout)[-1]
        assert (status['closed'] + status['error'], result.returncode) == (5, 1)


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_interrupted(holder: RawBackend, signal_number: int) -> None:
    with running('-y', '-c', '1000', '-s', '100', HOST, str(holder.port)) as goon:
        goon.wait_for('Established: [1-9]')
        status, said, complaints = goon.interrupt(signal_number)
    assert (status, complaints) == (130, '')
    last = read_statuses(said)[-1]
    assert last['established'] > 0
    assert last['not_initiated'] > 0
    assert '--- tcpgoon execution statistics ---' in said


def test_interrupted_while_it_holds(holder: RawBackend) -> None:
    with running('-y', '-c', '3', '--hold', '600', '--json', HOST, str(holder.port)) as goon:
        assert goon.process.stderr is not None
        assert any('Established: 3' in line for line in goon.process.stderr)
        status, said, _ = goon.interrupt()
    summary = json.loads(said)
    assert (status, summary['interrupted'], summary['exit_status']) == (130, True, 130)


def test_the_second_signal_ends_it_at_once(holder: RawBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    monkeypatch.setattr(os, '_exit', statuses.append)
    monkeypatch.setattr(signals, 'TWIN', 0.0)

    def interrupt_twice() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    get_hub().loop.run_callback(interrupt_twice)
    assert main(['-y', '-c', '1', '--hold', '600', HOST, str(holder.port)]) == 130
    assert statuses == [130]


def test_nobody_reads(holder: RawBackend) -> None:
    words = ['-y', '-c', '5', HOST, str(holder.port)]
    with subprocess.Popen([GOON, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        assert process.communicate(timeout=TIMEOUT)[1] == ''
        assert process.returncode == 0


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['-c', '2000000000', HOST, '80'], 'of the 2000000000 connections fit into the '),
        (['-c', '70000', HOST, '80'], 'of the 70000 connections have a local port '),
    ],
)
def test_limits_are_told_beforehand(words: list[str], said: str) -> None:
    result = run('tcpgoon', *words)
    warnings = [line for line in result.stderr.splitlines() if line.startswith('tcpgoon: warning: ')]
    assert any(said in line for line in warnings)
    assert result.returncode == 1  # nobody said yes


@pytest.mark.parametrize('limit', [50, 100])
def test_how_many_connections_fit(holder: RawBackend, limit: int) -> None:
    words = ['-y', '-c', '200', '-s', '0', '-i', '0', '--hold', '0.2', HOST, str(holder.port)]
    # Without what the tests have open: the shell has 255 for itself.
    limited = f'for fd in {{3..254}}; do eval "exec $fd>&-"; done; ulimit -n {limit}; exec {shlex.join([GOON, *words])}'
    result = subprocess.run(['bash', '-c', limited], capture_output=True, text=True, timeout=4 * TIMEOUT)
    told = re.search(r'about (\d+) of the 200 connections fit', result.stderr)
    assert told, result.stderr
    established = read_statuses(result.stdout)[-1]['established']
    assert established - 3 <= int(told[1]) <= established < limit


def test_more_addresses_make_room() -> None:
    result = run('tcpgoon', '-c', '70000', '--source', '127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4', HOST, '80')
    assert 'have a local port' not in result.stderr
