"""What jobs of continuous integration start: the scripts of the action run as a runner runs them, without one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviors.waiting import eventually
from tests.commands import SCRIPTS
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien import Client
from vaurien.cli.flags import parse

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / 'deploy'
ACTION: dict[str, Any] = yaml.safe_load((ROOT / 'action.yml').read_text())


def run_step(folder: Path, commands: Path = SCRIPTS, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the step of the action that starts, as the shell ``bash`` of a runner does."""
    step = ACTION['runs']['steps'][-1]
    given = {name: declared.get('default', '') for name, declared in ACTION['inputs'].items()} | inputs
    environment = {
        name: re.sub(r'\$\{\{ inputs\.(\w+) \}\}', lambda m: given[m[1]], text) for name, text in step['env'].items()
    }
    return subprocess.run(
        ['bash', '--noprofile', '--norc', '-eo', 'pipefail', '-c', step['run']],
        env={
            'PATH': f'{commands}:{os.environ["PATH"]}',
            'GITHUB_ACTION_PATH': str(ROOT),
            'RUNNER_TEMP': str(folder),
            **{name: str(folder / name) for name in ('GITHUB_ENV', 'GITHUB_OUTPUT')},
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=4 * TIMEOUT,
    )


def read_lines(path: Path) -> dict[str, str]:
    """Return the names and values in a file of a runner."""
    return dict(line.split('=', 1) for line in path.read_text().splitlines())


def test_the_action_starts_proxies_for_the_next_steps(tmp_path: Path, echo_server: RawBackend) -> None:
    done = run_step(tmp_path, backend=echo_server.address, proxy='127.0.0.1:0', flags='--http-port=0\n\n--seed=7\n')
    assert done.returncode == 0, done.stderr
    outputs = read_lines(tmp_path / 'GITHUB_OUTPUT')
    try:
        assert ACTION['outputs'].keys() <= outputs.keys()
        host, port = outputs['proxy'].split(':')
        with Peer.connect(int(port), host) as client:
            client.send(b'hello')
            assert client.recv_exactly(5) == b'hello'
        assert read_lines(tmp_path / 'GITHUB_ENV') == {'VAURIEN_URL': outputs['url']}
        assert Client(port=int(outputs['url'].rpartition(':')[2])).status()['seed'] == 7
    finally:
        os.kill(int(outputs['process']), signal.SIGTERM)
    eventually(lambda: not Path('/proc', outputs['process'], 'exe').exists())


def test_a_step_that_cannot_start_says_why(tmp_path: Path) -> None:
    stand_in = tmp_path / 'vaurien'
    stand_in.write_text('#!/bin/sh\necho "vaurien: error: $*" >&2\nexit 2\n')
    stand_in.chmod(0o755)
    done = run_step(tmp_path, tmp_path, behavior='20:eror', flags='--log-level=a b')
    assert (done.returncode, done.stderr) == (2, 'vaurien: error: --http --behavior=20:eror --log-level=a b\n')
    assert not (tmp_path / 'GITHUB_ENV').exists()


@pytest.mark.parametrize('name', ['github/tests.yml', 'gitlab/tests.gitlab-ci.yml'])
def test_examples_have_flags_of_vaurien(name: str) -> None:
    text = (DEPLOY / name).read_text()
    if name.startswith('github'):
        given = yaml.safe_load(text)['jobs']['tests']['steps'][1]['with']
        flags = [f'--{flag}={value}' for flag, value in given.items()]
        assert given.keys() <= ACTION['inputs'].keys()
    else:
        flags = yaml.safe_load(text)['include'][0]['inputs']['flags']
    settings = parse(flags).settings
    assert (settings.backend and settings.backend.port, settings.protocol) == (6379, 'redis')
