"""The Node.js client of Toxiproxy, toxiproxy-node-client, against the running command."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.commands import Command
from tests.peers import RawBackend
from tests.servers import TIMEOUT, free_port
from tests.toxiproxy.asking import Toxiproxy

HERE = Path(__file__).parent / 'node'
SCENARIOS = ['version', 'proxies', 'enabling', 'toxics', 'populate', 'reset', 'container']


def run(node_modules: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ['node', str(HERE / 'scenarios.js'), *words]
    return subprocess.run(command, cwd=node_modules, capture_output=True, text=True, timeout=4 * TIMEOUT)


def test_no_scenario_is_forgotten(node_modules: Path) -> None:
    assert run(node_modules).stdout.split() == SCENARIOS


@pytest.mark.parametrize('scenario', SCENARIOS)
def test_scenario(
    server: Command, toxiproxy: Toxiproxy, echo_server: RawBackend, node_modules: Path, scenario: str
) -> None:
    result = run(node_modules, scenario, server.api, echo_server.address, str(free_port()))
    assert result.returncode == 0, re.sub(r'\n\s+at .*', '', result.stderr)
