"""``/health`` and ``/ready`` of the running command, from its start to its end."""

from __future__ import annotations

import signal
from typing import Any

import pytest
import requests
from falcon.testing import TestClient

from tests.behaviors.waiting import eventually
from tests.commands import Command, StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT, Server, free_port
from tests.toxiproxy.asking import Toxiproxy
from vaurien.control.app import make_app
from vaurien.control.routes import make_routes
from vaurien.control.sources import Sources
from vaurien.engine.proxies import Proxies
from vaurien.live.live import Live
from vaurien.records.status import Phase
from vaurien.schedule.scheduler import Scheduler
from vaurien.web.guard import Guard

TOKEN = 's3cret'


def ask(command: Command, path: str = '/ready', **headers: str) -> tuple[int, Any]:
    response = requests.get(f'{command.api}{path}', headers=headers, timeout=TIMEOUT)
    return response.status_code, response.json()


def test_before_it_listens() -> None:
    proxies, scheduler = Proxies([]), Scheduler({})
    routes = make_routes(Sources(proxies, scheduler, Live(proxies, scheduler)))
    client = TestClient(make_app(routes, Guard('', '0.0.0.0')))
    assert client.simulate_get('/health', host='localhost').status_code == 200
    ready = client.simulate_get('/ready', host='localhost')
    assert (ready.status_code, ready.json) == (503, {'status': 'starting', 'proxies': {}})


def test_one_that_changes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    phases: list[Phase] = ['starting', 'ready']
    monkeypatch.setattr(Proxies, 'phase', property(lambda _: phases.pop(0), lambda *_: None), raising=False)
    proxies, scheduler = Proxies([]), Scheduler({})
    client = TestClient(
        make_app(make_routes(Sources(proxies, scheduler, Live(proxies, scheduler))), Guard('', '0.0.0.0'))
    )
    for status, phase in ((503, 'starting'), (200, 'ready')):
        ready = client.simulate_get('/ready', host='localhost')
        assert (ready.status_code, ready.json['status']) == (status, phase)


@pytest.mark.parametrize('workers', ['1', '2'])
def test_what_each_backend_did_last(workers: str, vaurien_command: StartCommand, echo_server: Server) -> None:
    command = vaurien_command('--backend', echo_server.address, '--http', '--workers', workers)
    assert ask(command) == (
        200,
        {'status': 'ready', 'proxies': {'vaurien': {'listens': True, 'backend_answered': None}}},
    )
    with Peer.connect(command.port) as peer:
        peer.send(b'ping')
        assert peer.recv_exactly(4) == b'ping'
    eventually(lambda: _backend(command) is True)  # a worker tells of it when it comes to that
    dead = f'localhost:{free_port()}'
    requests.put(f'{command.api}/backend', json={'backend': dead}, timeout=TIMEOUT).raise_for_status()
    assert _backend(command) is None
    with pytest.raises(ConnectionResetError), Peer.connect(command.port) as peer:  # it may be reset while it connects
        peer.recv()
    eventually(lambda: (ask(command)[0], _backend(command)) == (200, False))


def _backend(command: Command) -> Any:
    return ask(command)[1]['proxies']['vaurien']['backend_answered']


def test_a_proxy_that_is_disabled_is_not_waited_for(toxiproxy: Toxiproxy, server: Command) -> None:
    toxiproxy.create('ready', 'localhost:1', enabled=False)
    status, answer = ask(server)
    assert (status, answer['proxies']['ready']) == (200, {'listens': False, 'backend_answered': None})


def test_no_token_is_needed_but_no_page_may_ask(vaurien_command: StartCommand) -> None:
    command = vaurien_command('--server', '--api-token', TOKEN)
    assert ask(command, '/health') == (200, {'status': 'ok'})
    assert ask(command) == (200, {'status': 'ready', 'proxies': {}})
    assert ask(command, '/status')[0] == 401
    assert ask(command, Origin='http://evil.example')[0] == 403


def test_while_open_exchanges_finish(vaurien_command: StartCommand, raw_backend: RawBackend) -> None:
    command = vaurien_command('--backend', raw_backend.address, '--protocol', 'redis', '--http')
    with Peer.connect(command.port) as peer:
        peer.send(b'PING\r\n')
        with raw_backend.accept() as backend:
            assert backend.recv_until(b'\r\n') == b'PING\r\n'
            command.process.send_signal(signal.SIGTERM)
            eventually(lambda: ask(command)[0] == 503)
            assert ask(command)[1]['status'] == 'draining'
            assert ask(command)[1]['proxies']['vaurien']['listens'] is False
            assert ask(command, '/health')[0] == 200
            backend.send(b'+PONG\r\n')
            assert peer.recv_all() == b'+PONG\r\n'
    assert command.wait()[0] == 0
