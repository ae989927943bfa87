"""What links leave: the control API answers while clients want every descriptor of the process."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import ExitStack

import psutil
import pytest
import requests

from tests.behaviors.waiting import eventually
from tests.commands import Command, StartCommand
from tests.engine.test_listener import descriptors
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien.control.server import MAX_CLIENTS
from vaurien.engine.reserve import RESERVE, Descriptors
from vaurien.settings import ONLY

LINKS = 10


def limit_to(command: Command, links: int) -> None:
    """Leave descriptors for so many links and for the reserve."""
    process = psutil.Process(command.pid)
    # The server may not have closed yet what the last requests came over.
    eventually(lambda: all(one.status == psutil.CONN_LISTEN for one in process.net_connections('tcp')))
    limit = descriptors(command.pid) + 2 * links + RESERVE
    resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (limit, limit))


def ask(command: Command, method: str, path: str, **options: object) -> requests.Response:
    """Ask the control API on a connection of its own."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, command.api + path, timeout=TIMEOUT, **options)  # type: ignore[arg-type]


@pytest.fixture
def used_up(vaurien_command: StartCommand, echo_server: RawBackend) -> Command:
    """Return a proxy with a control API that has few descriptors."""
    command = vaurien_command('--backend', echo_server.address, '--http', '--log-level', 'warning')
    assert ask(command, 'GET', '/links').json() == {'links': []}  # loads what is loaded at the first request
    limit_to(command, LINKS)
    return command


def connect(stack: ExitStack, port: int, count: int) -> list[Peer]:
    peers = [stack.enter_context(Peer.connect(port)) for _ in range(count)]
    for peer in peers:
        peer.send(b'hello')
    return peers


def test_the_api_can_make_room(used_up: Command) -> None:
    with ExitStack() as stack:
        clients = connect(stack, used_up.port, 2 * LINKS)
        for client in clients[:LINKS]:
            assert client.recv_exactly(5) == b'hello'
        used_up.wait_for_log('WARNING clients have to wait: Too many open files')
        assert descriptors(used_up.pid) + RESERVE <= resource.prlimit(used_up.pid, resource.RLIMIT_NOFILE)[0]
        links = ask(used_up, 'GET', '/links').json()['links']
        assert len(links) == LINKS
        for link in links:
            assert ask(used_up, 'DELETE', f'/links/{link["id"]}').status_code == 200
        for client in clients[LINKS:]:
            assert client.recv_exactly(5) == b'hello'
        assert ask(used_up, 'POST', f'/proxies/{ONLY}', json={'enabled': False}).status_code == 200
        for client in clients:
            assert client.recv() == b''
    assert 'Traceback' not in used_up.stop()[2]


def test_idle_clients_of_the_api_do_not_use_it_up(used_up: Command) -> None:
    with ExitStack() as stack:
        clients = connect(stack, used_up.port, LINKS + 1)
        assert clients[LINKS - 1].recv_exactly(5) == b'hello'
        for _ in range(MAX_CLIENTS // 2):
            stack.enter_context(Peer.connect(used_up.control_port))
        assert len(ask(used_up, 'GET', '/links').json()['links']) == LINKS
    assert 'Traceback' not in used_up.stop()[2]


def test_pipes_and_connections_that_come_late_leave_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Descriptors()
    monkeypatch.setattr('vaurien.engine.reserve.find_limits', lambda: (1000, 2000))
    assert known.has_room(0)
    assert not known.is_reserved(5000)  # no limit is known before the first client
    known.note(10)
    assert [known.is_reserved(one) for one in (966, 967, 968, 969)] == [False, False, True, True]


def test_a_look_for_room_takes_no_descriptor_where_gevent_has_patched_the_process() -> None:
    """Many clients are accepted in one turn of the event loop. Each looks for room."""
    code = """
from gevent import monkey; monkey.patch_all()
import os, socket
from vaurien.engine.reserve import Descriptors
known, listener = Descriptors(), socket.create_server(('127.0.0.1', 0))
known.note(10 ** 6)
before = set(os.listdir('/proc/self/fd'))
known.has_room(listener.fileno())
assert set(os.listdir('/proc/self/fd')) == before
"""
    subprocess.run([sys.executable, '-c', code], timeout=TIMEOUT, check=True)


def test_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Descriptors()
    monkeypatch.setattr('vaurien.engine.reserve.find_limits', lambda: (resource.RLIM_INFINITY,) * 2)
    known.note(10**6)
    assert not known.is_reserved(10**6)
    assert known.has_room(0)
