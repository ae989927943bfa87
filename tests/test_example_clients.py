"""The examples in other languages are run: those for Node.js and k6, and the client for Java.

A stand-in of k6's modules makes the same requests. The examples for Go and Java are not run: each needs a client of
Toxiproxy from its own package manager.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.commands import Command
from tests.programs import java_command, run_program
from tests.servers import Server
from tests.toxiproxy.asking import Toxiproxy
from vaurien import Client

EXAMPLES = Path(__file__).parents[1] / 'examples'
CLIENTS = EXAMPLES / 'clients'


@pytest.mark.parametrize('name', ['node/vaurien.mjs', 'go/vaurien/vaurien.go', 'java/Vaurien.java'])
def test_a_client_is_short(name: str) -> None:
    assert len((CLIENTS / name).read_text().splitlines()) <= 60


@pytest.mark.usefixtures('toxiproxy')
def test_node(server: Command, nginx: Server, node_modules: Path, tmp_path: Path) -> None:
    for path in (CLIENTS / 'node').iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / 'node_modules').symlink_to(node_modules / 'node_modules')
    said = run_program(['node', 'example.mjs', nginx.address], tmp_path, {**os.environ, 'VAURIEN_URL': server.api})
    assert said == 'all is as it should be\n'


def test_java(server: Command, toxiproxy: Toxiproxy) -> None:
    proxy = Client(port=server.control_port).create_proxy('java', 'localhost:0', 'localhost:1', 'redis')
    rules = '20:error(match="SET *"),10:delay'
    said = run_program([*java_command(), 'Vaurien.java', server.api, 'java', rules], CLIENTS / 'java')
    assert json.loads(said) == {'behavior': "20:error(match='SET *'),10:delay", 'options': {}}
    assert proxy.get_behavior() == "20:error(match='SET *'),10:delay"


def test_k6(server: Command, toxiproxy: Toxiproxy, nginx: Server, tmp_path: Path) -> None:
    proxy = Client(port=server.control_port).create_proxy('stock', 'localhost:0', nginx.address, 'http')
    shutil.copy(EXAMPLES / 'k6' / 'outage.js', tmp_path / 'outage.mjs')
    shutil.copytree(Path(__file__).parent / 'k6', tmp_path, dirs_exist_ok=True)
    environment = {**os.environ, 'VAURIEN_URL': server.api, 'SHOP_URL': f'{nginx.url}/ok'}
    said = run_program(['node', 'run.mjs'], tmp_path, environment)
    assert json.loads(said) == {'the shop answers': True, 'there were faults': False}
    assert [rule['name'] for rule in proxy.status()['behaviors']] == ['dummy']
