"""The Node.js client of Toxiproxy, toxiproxy-node-client, against the running command."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.commands import Command
from tests.peers import RawBackend
from tests.servers import TIMEOUT, free_port
from tests.toxiproxy.asking import Toxiproxy
from tests.turns import locked

HERE = Path(__file__).parent / 'node'
SCENARIOS = ['version', 'proxies', 'enabling', 'toxics', 'populate', 'reset', 'container']


@pytest.fixture(scope='module')
def modules(request: pytest.FixtureRequest) -> Path:
    """Where the client is installed, by npm; it stays there for the next time."""
    wanted = HERE / 'package.json'
    assert request.config.cache is not None
    place = request.config.cache.mkdir('node')
    installed = place / 'installed.json'
    with locked(place):  # from other workers
        if not (installed.exists() and installed.read_text() == wanted.read_text()):
            shutil.copy(wanted, place)
            quiet = '--no-audit', '--no-fund', '--no-update-notifier', '--no-package-lock', '--loglevel=error'
            subprocess.run(['npm', 'install', *quiet], cwd=place, check=True, timeout=10 * TIMEOUT)
            shutil.copy(wanted, installed)
    return place


def run(modules: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ['node', str(HERE / 'scenarios.js'), *words]
    return subprocess.run(command, cwd=modules, capture_output=True, text=True, timeout=4 * TIMEOUT)


def test_no_scenario_is_forgotten(modules: Path) -> None:
    assert run(modules).stdout.split() == SCENARIOS


@pytest.mark.parametrize('scenario', SCENARIOS)
def test_scenario(server: Command, toxiproxy: Toxiproxy, echo_server: RawBackend, modules: Path, scenario: str) -> None:
    result = run(modules, scenario, server.api, echo_server.address, str(free_port()))
    assert result.returncode == 0, re.sub(r'\n\s+at .*', '', result.stderr)
