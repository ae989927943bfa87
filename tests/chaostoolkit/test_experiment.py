"""Experiments of the real Chaos Toolkit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from chaoslib.experiment import ensure_experiment_is_valid, run_experiment
from chaoslib.loader import load_experiment

from tests.commands import Command
from tests.peers import RawBackend
from tests.servers import TIMEOUT, Server
from tests.toxiproxy.asking import Toxiproxy
from vaurien import Client
from vaurien.chaostoolkit import actions, probes
from vaurien.errors import ControlError

OUTAGE = Path(__file__).parents[2] / 'examples' / 'chaostoolkit' / 'outage.yaml'


@pytest.fixture
def proxy(server: Command, toxiproxy: Toxiproxy, nginx: Server) -> Client:
    """Return the only proxy of a server."""
    client = Client(port=server.control_port)
    return client.create_proxy('stock', 'localhost:0', nginx.address, 'http')


@pytest.fixture
def where(proxy: Client) -> dict[str, object]:
    """Return the configuration of an experiment."""
    return {'vaurien_url': proxy.url}


def run(experiment: dict[str, Any]) -> dict[str, Any]:
    """Run an experiment as ``chaos run`` does, and return its journal."""
    ensure_experiment_is_valid(experiment)
    journal: dict[str, Any] = run_experiment(experiment, settings={})
    return journal


def test_the_example(proxy: Client, nginx: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('VAURIEN_URL', proxy.url)
    monkeypatch.setenv('SHOP_URL', f'{nginx.url}/ok')
    experiment: dict[str, Any] = load_experiment(str(OUTAGE))
    for activity in experiment['method']:
        activity.pop('pauses', None)
    journal = run(experiment)
    assert (journal['status'], journal['deviated']) == ('completed', False)
    armed, toxic, faults = (activity['output'] for activity in journal['run'])
    assert armed == '20:error,10:delay'
    assert (toxic['name'], toxic['attributes']['latency'], faults) == ('late', 100, 0)
    assert [activity['status'] for activity in journal['rollbacks']] == ['succeeded']
    assert (proxy.get_behavior(), proxy.toxics()) == ('dummy', [])


def test_a_mistake_makes_the_activity_fail_with_the_text_of_the_api(where: dict[str, object]) -> None:
    provider = {'type': 'python', 'module': actions.__name__, 'func': 'set_behavior', 'arguments': {'behavior': 'eror'}}
    activity = {'type': 'action', 'name': 'arm', 'provider': provider}
    journal = run({'title': 'x', 'description': 'x', 'configuration': where, 'method': [activity]})
    (done,) = journal['run']
    assert done['status'] == 'failed'
    assert "unknown behavior 'eror', did you mean 'error'?" in str(done['exception'])


def test_what_is_done_can_be_asked(proxy: Client, where: dict[str, object], nginx: Server) -> None:
    actions.set_behavior('error', {'match': 'GET *'}, configuration=where)
    assert probes.get_behavior('stock', where) == "error(match='GET *')"
    assert (probes.count_faults('error', configuration=where), probes.count_exchanges(configuration=where)) == (0, 0)
    actions.add_toxic('latency', 'late', configuration=where)
    assert probes.list_toxics(configuration=where) == ['late']
    actions.remove_toxic('late', configuration=where)
    actions.set_backend('localhost:1', configuration=where)
    assert (probes.list_toxics(configuration=where), proxy.get_backend()) == ([], 'localhost:1')
    actions.disable(configuration=where)
    assert not probes.is_enabled(configuration=where)
    actions.enable('stock', where)
    assert probes.is_enabled(configuration=where)
    with pytest.raises(ControlError):
        actions.remove_toxic('late', configuration=where)


def test_a_schedule(proxy: Client, where: dict[str, object]) -> None:
    step = {'after': 'deploy', 'at': 0, 'for': '1h', 'behavior': 'hang'}
    actions.set_schedule({'steps': [step]}, where)
    actions.mark('deploy', where)
    assert proxy.get_schedule()['marks'].keys() == {'deploy'}
    actions.stop_schedule(where)
    assert (proxy.get_schedule()['status'], proxy.get_behavior()) == ('stopped', 'dummy')


def test_the_token_is_a_secret(raw_backend: RawBackend) -> None:
    where = {'vaurien_url': f'http://{raw_backend.address}'}
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(probes.is_enabled, configuration=where, secrets={'token': 'secret'})
        with raw_backend.accept() as peer:
            assert b'Authorization: Bearer secret\r\n' in peer.recv_until(b'\r\n\r\n')
        assert asked.exception(TIMEOUT)
