"""Schemathesis tries what ``/openapi.json`` says of the API, and finds nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.commands import SCRIPTS, StartCommand
from tests.control.schemathesis_hooks import API, BACKEND, PROXY
from tests.peers import Peer, RawBackend
from tests.programs import run_program
from tests.servers import TIMEOUT

CONFIG = Path(__file__).parent / 'schemathesis.toml'
ROOT = CONFIG.parent.parent.parent


def wait(peer: Peer) -> None:
    """Say nothing, for long enough."""
    with suppress(OSError):
        peer.recv()


@pytest.mark.slow
@pytest.mark.timeout(30 * TIMEOUT)
def test_it_finds_nothing(vaurien_command: StartCommand, raw_backend: RawBackend, tmp_path: Path) -> None:
    backend = raw_backend.serve(wait)
    command = vaurien_command('--backend', backend.address, '--http', '--journal', '/dev/null')
    words = [str(SCRIPTS / 'schemathesis'), '--config-file', str(CONFIG), '--no-color', 'run']
    environment = {'PYTHONPATH': str(ROOT), 'no_proxy': '*', API: command.api, BACKEND: backend.address}
    document = f'{command.api}/openapi.json'
    run_program([*words, document], tmp_path, {**os.environ, **environment}, seconds=24 * TIMEOUT)
    names = requests.get(f'{command.api}/proxies', timeout=TIMEOUT).json()
    assert PROXY in names
    assert len(names) > 1, 'it has created some'
    code, _, log = command.stop()
    assert code == 0
    assert 'Traceback' not in log
