"""``vaurien explore`` on real commands: what it finds, how it ends, and what it says of mistakes."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.commands import SCRIPTS, Process, call, run
from tests.servers import Server
from tests.terminal import Terminal
from vaurien.cli.explore import main
from vaurien.cli.explore.flags import EPILOG
from vaurien.explore.model import LETTERS, SEVERITY
from vaurien.explore.settings import USUAL_STATUSES
from vaurien.framing.trials import Kind

#: Asks Redis without a client, which starts quickly. It has no timeout.
CLIENT = """
import os, re, socket, sys
host, port = re.search(r'//([^:/]+):(\\d+)', os.environ['REDIS_URL']).groups()
def ask(*words):
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b''.join([b'*%d\\r\\n' % len(words), *(b'$%d\\r\\n%s\\r\\n' % (len(w), w) for w in words)]))
        reply = connection.recv(1024)
        if not reply.endswith(b'\\r\\n'):
            raise ConnectionError('the reply breaks off')
        return reply
"""
#: Asks a server of HTTP, and takes no other status than 200.
NODE = """
import assert from 'node:assert/strict'
const response = await fetch(process.env.API_URL + '/')
assert.equal(response.status, 200)
"""
#: Goes on for ever from the third run on.
WAITING = """
ask(b'INCR', b'runs')
with open('runs', 'a+') as runs:
    runs.write('x')
    runs.seek(0)
    if len(runs.read()) > 2:
        socket.socketpair()[0].recv(1)
"""

#: What calls `main`, with the environment of the test.
Explore = Callable[..., CompletedProcess[str]]


@pytest.fixture
def explore(redis_server: Server, nginx: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Explore:
    """Run the command in a folder of its own, with REDIS_URL and API_URL in the environment."""
    monkeypatch.setenv('REDIS_URL', f'redis://{redis_server.address}/0')
    monkeypatch.setenv('API_URL', nginx.url)
    monkeypatch.setenv('FAR_URL', 'redis://192.0.2.1')
    monkeypatch.setenv('COLUMNS', '120')
    monkeypatch.chdir(tmp_path)
    return lambda *words: call(main, *words)


def of_redis(code: str, *flags: str) -> Sequence[str]:
    """Return the words that explore a script of Python, which can `ask` Redis. Put the script in the folder."""
    Path('app.py').write_text(CLIENT + code)
    return ['--vaurien', 'redis:REDIS_URL', *flags, '--', sys.executable, '-S', '-E', 'app.py']


def test_a_write_that_is_retried_is_found_to_come_twice(explore: Explore) -> None:
    code = """
try:
    ask(b'INCR', b'orders')
except OSError:
    ask(b'INCR', b'orders')
"""
    result = explore(*of_redis(code, '--max', '1'))
    assert result.returncode == 1
    assert 'twice' in result.stdout
    assert 'INCR orders at redis was carried out 2 times' in result.stdout
    [line] = re.findall(r"\$ (vaurien explore --vaurien redis:REDIS_URL --fault '[^']+' -- .*)", result.stdout)
    fault = re.search(r"--fault '([^']+)'", line)
    assert fault is not None
    again = explore(*of_redis(code, '--fault', fault[1]))
    assert again.returncode == 1
    assert 'INCR orders at redis was carried out 2 times' in again.stdout
    assert 'survived 0 of 1 faults, tried 1 of 1' in again.stdout


def test_the_report_lists_each_cell_and_a_baseline_accepts_what_it_has(explore: Explore, tmp_path: Path) -> None:
    words = of_redis("ask(b'INCR', b'visits')", '--max', '2', '--report', 'found')
    first = explore(*words)
    assert first.returncode == 1
    assert first.stdout.endswith('The report is in found.\n')
    cells = json.loads((tmp_path / 'found' / 'explore.json').read_bytes())['cells']
    assert [cell['outcomes'] for cell in cells] == [['leaked'], ['leaked']]
    assert all(cell['where'].startswith('python') for cell in cells)
    accepted = tmp_path / 'found' / 'baseline.toml'
    accepted.write_text(accepted.read_text().replace('reason = ""', 'reason = "It is a script."'))
    again = explore('--baseline', str(accepted), *words)
    assert again.returncode == 0
    assert 'It is a script.' in again.stdout


def test_only_some_outcomes_may_fail(explore: Explore) -> None:
    result = explore(*of_redis("ask(b'INCR', b'visits')", '--max', '1', '--fail', 'wrong,twice'))
    assert result.returncode == 0
    assert 'leaked' in result.stdout


def test_settings_are_those_of_the_folder_changed_by_flags(explore: Explore, tmp_path: Path) -> None:
    (tmp_path / 'vaurien-explore.toml').write_text('faults = ["lost"]\nallow = ["ConnectionError"]\nmax = 0\n')
    result = explore(*of_redis("ask(b'INCR', b'visits')", '--max', '5'))
    assert result.returncode == 0, result.stdout
    assert 'tried 1 of ' in result.stdout
    assert 'd declared' in result.stdout


def test_a_status_that_says_no_is_declared_in_other_languages_too(explore: Explore, tmp_path: Path) -> None:
    (tmp_path / 'vaurien-explore.toml').write_text('faults = ["no"]\n')
    result = explore('--vaurien', 'http:API_URL', '--', 'node', '--input-type=module', '-e', NODE)
    assert result.returncode == 0, result.stdout
    assert 'survived 1 of 1 faults' in result.stdout
    assert 'd declared' in result.stdout


def test_a_command_that_hangs_is_ended(explore: Explore, tmp_path: Path) -> None:
    (tmp_path / 'vaurien-explore.toml').write_text('faults = ["silent"]\n')
    result = explore(*of_redis("ask(b'GET', b'visits')", '--limit', '2s', '--max', '1'))
    assert result.returncode == 1
    assert 'hung' in result.stdout
    assert 'no end within 2' in result.stdout
    assert '$ vaurien explore --vaurien redis:REDIS_URL --limit 2.0 --fault ' in result.stdout


def test_one_fault_again_shows_what_the_command_prints(explore: Explore) -> None:
    code = "print('asking', flush=True); ask(b'GET', b'visits')"
    result = explore(*of_redis(code, '--fault', 'redis: GET visits #1 lost'))
    assert result.stdout.startswith('asking\nTraceback (most recent call last)')
    assert result.stdout.count('asking\n') == 1
    assert result.returncode == 1
    missed = explore(*of_redis(code, '--fault', 'redis: GET visits #2 lost'))
    assert missed.returncode == 1
    assert '- not hit' in missed.stdout
    assert missed.stderr == "vaurien explore: warning: 'redis: GET visits #2 lost' has met no request\n"


def test_one_fault_again_leaves_the_report_of_all_alone(explore: Explore, tmp_path: Path) -> None:
    (tmp_path / 'vaurien-explore.toml').write_text('report = "found"\n')
    words = of_redis("ask(b'GET', b'visits')", '--fault', 'redis: GET visits #1 lost')
    assert 'report' not in explore(*words).stdout
    assert not (tmp_path / 'found').exists()
    assert 'The report is in other.' in explore('--report', 'other', *words).stdout
    assert (tmp_path / 'other' / 'explore.json').exists()


def test_what_the_test_asks_itself_is_not_explored(explore: Explore) -> None:
    # It starts a server, so it is no application.
    code = """
if len(sys.argv) > 1:
    listening = socket.create_server(('127.0.0.1', 0))
    print(listening.getsockname()[1], flush=True)
    listening.accept()[0].sendall(ask(b'INCR', b'served'))
else:
    import subprocess
    server = subprocess.Popen([sys.executable, __file__, 'serve'], stdout=subprocess.PIPE)
    address = ('127.0.0.1', int(server.stdout.readline()))
    ask(b'DEL', b'served')
    assert socket.create_connection(address).recv(10)
    server.wait()
"""
    result = explore(*of_redis(code, '--max', '1'))
    assert 'left alone 1 request of the test itself' in result.stdout, result.stdout + result.stderr
    assert 'INCR served' in result.stdout
    assert 'DEL served' not in result.stdout


def test_a_command_that_fails_without_a_fault(explore: Explore) -> None:
    result = explore('--vaurien', 'redis:REDIS_URL', '--', sys.executable, '-c', 'print("hm"); raise KeyError("x")')
    assert result.returncode == 1
    assert result.stdout.startswith('hm\nTraceback')
    assert "not explored: it fails without a fault: KeyError: 'x'" in result.stdout


def test_a_backend_that_cannot_be_reached_is_named(explore: Explore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DOWN_URL', 'redis://127.0.0.1:1')
    result = explore('--vaurien', 'redis:DOWN_URL', '--', 'false')
    assert result.returncode == 1
    assert result.stderr == (
        'vaurien explore: warning: cannot connect to 127.0.0.1:1, which DOWN_URL names: connection refused\n'
    )


def test_a_backend_that_cannot_be_reached_is_named_though_the_command_does_without(
    explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('DOWN_URL', 'redis://127.0.0.1:1')
    result = explore('--vaurien', 'redis:DOWN_URL', '--', 'true')
    assert (result.returncode, result.stderr) == (
        1,
        'vaurien explore: warning: cannot connect to 127.0.0.1:1, which DOWN_URL names: connection refused\n',
    )


def test_a_command_that_asks_nothing(explore: Explore) -> None:
    result = explore('--vaurien', 'redis:REDIS_URL', '--', 'true')
    assert result.returncode == 1
    assert result.stderr == ('vaurien explore: warning: no request came to redis: does the command read REDIS_URL?\n')


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['npm', 'test'], 'put -- before the command: vaurien explore --vaurien PROTOCOL:VARIABLE [flags] -- COMMAND'),
        (['--vaurien', 'redis:REDIS_URL', '--'], 'there is no command to run: vaurien explore'),
        (
            ['--vaurien', 'redis:REDIS_URL', '--', 'true', '\udcff'],
            "the command has a word that is not UTF-8: '\\udcff'",
        ),
        (['--', 'true'], 'say which variable names a backend: --vaurien redis:REDIS_URL'),
        (['--vaurien', 'REDIS_URL', '--', 'true'], "'REDIS_URL' is not PROTOCOL:VARIABLE, such as redis:REDIS_URL"),
        (['--vaurien', 'redis:NO_URL', '--', 'true'], 'NO_URL: it is not set in the environment'),
        (['--vaurien', 'redis:FAR_URL', '--', 'true'], 'FAR_URL: 192.0.2.1:6379 is not on this machine'),
        (['--vaurien', 'redis:REDIS_URL', '--jobs', '0', '--', 'true'], "--jobs: expected int >= 1, got '0'"),
        (['--vaurien', 'redis:REDIS_URL', '--env', 'x', '--', 'true'], "--env: 'x' is not NAME=VALUE, such as PORT="),
        (['--vaurien', 'redis:REDIS_URL', '--max', 'x', '--', 'true'], "--max: expected int, got 'x'"),
        (['--vaurien', 'redis:REDIS_URL', '--fail', 'wrng', '--', 'true'], "--fail: 'wrng' is unknown, did you mean"),
        (['--vaurien', 'redis:REDIS_URL', '--baseline', 'no', '--', 'true'], 'no: '),
        (['--vaurien', 'redis:REDIS_URL', '--report', '/proc/no', '--', 'true'], 'cannot write /proc/no: '),
        (['--vaurien', 'redis:REDIS_URL', '--fault', 'x', '--', 'true'], "'x' is no fault such as"),
        (['--vaurien', 'redis:REDIS_URL', '--fault', 'a: b #1 lost', '--', 'true'], "--fault: there is no proxy 'a'"),
        (['--vaurien', 'redis:REDIS_URL', '--maximum', '--', 'true'], 'unknown flag --maximum, did you mean --max?'),
    ],
)
def test_a_mistake_is_one_line(explore: Explore, words: Sequence[str], said: str) -> None:
    result = explore(*words)
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr.startswith(f'vaurien explore: error: {said}')
    assert result.stderr.count('\n') == 1


def test_each_job_has_an_environment_of_its_own(explore: Explore, redis_server: Server, tmp_path: Path) -> None:
    code = """
ask(b'SELECT', os.environ['NUMBER'].encode())
open('jobs', 'a').write(os.environ['NUMBER'] + re.search('/[0-9]$', os.environ['REDIS_URL'])[0] + ' ')
"""
    variables = ['--env', 'NUMBER={job}', '--env', f'REDIS_URL=redis://{redis_server.address}/{{job}}']
    result = explore(*of_redis(code, '--jobs', '2', '--max', '2', *variables))
    assert 'tried 2 of' in result.stdout, result.stdout
    assert set((tmp_path / 'jobs').read_text().split()) == {'1/1', '2/2'}


def test_the_line_that_tries_a_cell_again_has_the_environment(explore: Explore) -> None:
    result = explore(*of_redis("ask(b'INCR', b'visits')", '--env', 'PART={job}', '--jobs', '2', '--max', '1'))
    assert "--env 'PART={job}' --fault" in result.stdout


def test_a_command_that_cannot_run_beside_itself(explore: Explore) -> None:
    result = explore(*of_redis("ask(b'PING'); open('only', 'x')", '--jobs', '2'))
    assert result.returncode == 1
    assert 'it fails without a fault, 2 of it at a time: FileExistsError' in result.stdout


@pytest.mark.parametrize(
    ('name', 'mode', 'reason'),
    [
        ('./there-is-no-such', 0, 'no such file or directory'),
        ('./not-executable', 0o600, 'permission denied'),
        ('./not-a-program', 0o700, 'exec format error'),
    ],
)
def test_a_command_that_cannot_be_run(explore: Explore, tmp_path: Path, name: str, mode: int, reason: str) -> None:
    if mode:
        (tmp_path / name).write_text('\x00')
        (tmp_path / name).chmod(mode)
    result = explore('--vaurien', 'redis:REDIS_URL', '--', name)
    assert (result.returncode, result.stderr) == (2, f'vaurien explore: error: cannot run {name!r}: {reason}\n')


def test_interrupted_it_shows_what_is_known(explore: Explore, tmp_path: Path) -> None:
    process = Process('vaurien', 'explore', *of_redis(WAITING))
    try:
        process.wait_for_line(process.out_lines, re.compile('L redis: INCR runs #1 '))
        status, out, _ = process.stop(signal.SIGINT)
    finally:
        process.kill()
    assert status == 130
    assert 'not tried' in out
    assert 'interrupted' in out


def test_a_terminal_shows_how_far_it_is_on_one_line(explore: Explore) -> None:
    with Terminal(columns=60) as terminal:
        words = of_redis("ask(b'INCR', b'visits')", '--max', '1')
        terminal.start(str(SCRIPTS / 'vaurien'), 'explore', *words)
        status, shown = terminal.wait()
    assert status == 1
    progress, _, rest = shown.rpartition('\r\x1b[2K')
    assert '\r\x1b[2Krun 1, findings 0: without a fault\r' in progress
    assert '\r\x1b[2Krun 3, findings 0: redis: INCR visits #1 lost' in progress
    assert '\n' not in progress
    assert 'L redis' not in rest  # that is for those who cannot see the line
    assert 'tried 1 of ' in rest


def test_ctrl_c_on_a_terminal_ends_it_in_order(explore: Explore) -> None:
    with Terminal(columns=60) as terminal:
        terminal.start(str(SCRIPTS / 'vaurien'), 'explore', *of_redis(WAITING))
        terminal.wait_for('run 3, ')
        terminal.type('\x03')
        status, shown = terminal.wait()
    assert status == 130
    assert 'ending; Ctrl-C again ends at once' in shown
    assert 'interrupted' in shown


def test_the_help_has_all_faults_and_outcomes_and_the_statuses_that_say_no() -> None:
    faults, outcomes = re.findall(r'^(?:faults|outcomes, .*):\n((?:  .*\n)+)', EPILOG, re.MULTILINE)
    assert re.findall(r'^  (\w+)', faults, re.MULTILINE) == [kind.value for kind in Kind]
    assert re.findall(r'^  (.) (\w+(?: hit)?)', outcomes, re.MULTILINE) == [
        (LETTERS[one], one.value) for one in SEVERITY
    ]
    assert set(map(int, re.findall(r'\b\d{3}\b', outcomes.partition('a status')[2]))) == USUAL_STATUSES


def test_the_command_and_its_help(explore: Explore) -> None:
    result = run('vaurien', 'explore', '--help')
    assert result.returncode == 0
    assert result.stdout.startswith('usage: vaurien explore --vaurien PROTOCOL:VARIABLE [flags] -- COMMAND')
    assert 'vaurien explore --vaurien' in run('vaurien', '--help').stdout
