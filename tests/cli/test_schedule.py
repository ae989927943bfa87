"""Schedules of the command: printed beforehand, and run."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.behaviors.waiting import eventually
from tests.cli.test_hangup import hang_up
from tests.commands import Command, StartCommand, run
from tests.peers import RawBackend
from vaurien.cli import run as main
from vaurien.cli.flags import parse
from vaurien.errors import ConfigError

STEPS = """\
[[steps]]
at = "10s"
for = "1m"
proxy = "redis"
toxic = "latency"
ramp = { latency = ["0s", "1s"], toxicity = [0.5, 1] }

[[steps]]
at = 30
jitter = 20
behavior = "20:delay"
"""


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_dry_run(tmp_path: Path) -> None:
    """It prints lines, and neither listens nor needs the proxies to be there."""
    path = write(tmp_path / 'x.toml', STEPS)
    done = run('vaurien', '--schedule', path, '--dry-run', '--behavior-delay-sleep', '2', '--seed', '5')
    assert (done.returncode, done.stderr) == (0, '')
    lines = done.stdout.splitlines()
    assert len(lines) == 102
    assert lines[0] == '    10.000  redis: toxic latency(toxicity=0.5)@downstream'
    assert lines[-1] == '    70.000  redis: toxic latency_downstream as before'
    (late,) = [line for line in lines if 'delay' in line]
    assert late.endswith('  vaurien: behavior 20:delay(sleep=2.0)')
    assert 30 < float(late.split()[0]) < 50
    again = run('vaurien', '--schedule', path, '--dry-run', '--behavior-delay-sleep', '2', '--seed', '5')
    assert again.stdout == done.stdout
    other = run('vaurien', '--schedule', path, '--dry-run', '--behavior-delay-sleep', '2', '--seed', '6')
    assert other.stdout != done.stdout


@pytest.mark.parametrize(
    ('text', 'flags', 'error'),
    [
        (STEPS.replace('"1s"', '"1x"'), [], 'PATH:6: steps[0].ramp.latency: expected a duration such as 200ms or 2s'),
        (STEPS.replace('20:delay', 'error(code=503)'), ['--dry-run'], 'steps[1].behavior.error.code: errors of tcp'),
        (STEPS, [], "PATH:4: steps[0].proxy: there is no proxy 'redis', known: vaurien"),
        (STEPS.replace('proxy =', 'after ='), ['--server', '--http-port=0'], 'steps[0].proxy: there is no proxy'),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, flags: list[str], error: str) -> None:
    path = write(tmp_path / 'x.toml', text)
    done = run('vaurien', '--schedule', path, '--proxy=127.0.0.1:0' if '--server' not in flags else '--http', *flags)
    assert (done.returncode, done.stdout) == (2, '')
    (line,) = done.stderr.splitlines()
    assert line.startswith('vaurien: error: ')
    assert error.replace('PATH', path) in line


def test_a_dry_run_for_proxies_that_are_known(tmp_path: Path) -> None:
    path = write(tmp_path / 'x.toml', STEPS)
    arguments = parse(['--schedule', path, '--dry-run', '--backend', 'localhost:1'])
    with pytest.raises(ConfigError, match=r"x\.toml:4: steps\[0\]\.proxy: there is no proxy 'redis', known: vaurien$"):
        main.run(arguments)
    assert main.run(parse(['--schedule', path, '--dry-run', '--backend', 'localhost:1', '--http'])) == 0


def test_a_dry_run_without_a_schedule() -> None:
    with pytest.raises(ConfigError, match=r'^--dry-run: there is no schedule to show'):
        main.run(parse(['--dry-run']))


def armed(command: Command) -> str:
    return str(requests.get(f'{command.api}/status', timeout=10).json()['behavior'])


def test_it_runs(tmp_path: Path, echo_server: RawBackend, vaurien_command: StartCommand) -> None:
    path = write(tmp_path / 'x.toml', '[[steps]]\nat = "50ms"\nbehavior = "20:delay"\n')
    command = vaurien_command('--backend', echo_server.address, '--schedule', path, '--http')
    command.wait_for_log(r'INFO schedule: started, steps: 1$')
    command.wait_for_log(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* INFO schedule: 0\.050 s: vaurien: behavior 20:delay')
    assert armed(command) == '20:delay'
    status, out, _ = command.stop()
    assert status == 0
    assert '20:delay: matched 0 of 0 exchanges' in out, 'at the end of the process it is left as it is'


def test_a_proxy_that_comes_later(tmp_path: Path, vaurien_command: StartCommand) -> None:
    path = write(tmp_path / 'x.toml', '[[steps]]\nfor = 0.2\nevery = 0.2\nproxy = "later"\nbehavior = "20:delay"\n')
    command = vaurien_command('--server', '--schedule', path)
    command.wait_for_log("WARNING schedule: there is no proxy 'later' yet$")
    command.wait_for_log("WARNING schedule: 0.000 s: later: .*: failed: there is no proxy 'later'")
    assert command.stop()[0] == 0


def test_a_hangup_reads_it_again(tmp_path: Path, echo_server: RawBackend, vaurien_command: StartCommand) -> None:
    path = write(tmp_path / 'x.toml', '[[steps]]\nbehavior = "20:delay"\n')
    flags = ('--schedule', path, '--http', '--log-output', str(tmp_path / 'log'))
    command = vaurien_command('--backend', echo_server.address, *flags)
    eventually(lambda: armed(command) == '20:delay')
    assert 'reloaded: no fault has changed' in hang_up(command, tmp_path)
    write(tmp_path / 'x.toml', '[[steps]]\nbehavior = "30:delay"\n')
    assert 'reloaded: the schedule' in hang_up(command, tmp_path)
    eventually(lambda: armed(command) == '30:delay')
    write(tmp_path / 'x.toml', '[[steps]]\nbehavior = "30:dela"\n')
    hung_up = hang_up(command, tmp_path)
    assert f"ERROR not reloaded: {path}:2: steps[0].behavior: unknown behavior 'dela'" in hung_up
    assert armed(command) == '30:delay'
