"""Whose a connection is, asked of the kernel."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import AF_INET, AF_INET6, create_server, socket
from threading import Thread

import pytest

from tests.servers import TIMEOUT
from vaurien.explore.peers import find_peer
from vaurien.explore.process_group import ProcessGroup

CONNECT = 'import socket; connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))'
#: Waits until the other end closes.
WAIT = 'connection.recv(1)'


@pytest.fixture
def listener() -> Iterator[socket]:
    """A socket that listens."""
    with create_server(('127.0.0.1', 0)) as listening:
        listening.settimeout(TIMEOUT)
        yield listening


def find_name(listener: socket, code: str) -> tuple[str, bool] | None:
    """Run *code*, accept the connection of it, and return whose it is."""
    port = listener.getsockname()[1]
    group = ProcessGroup([sys.executable, '-c', f'import sys; {code}', str(port)], os.environ)
    waiting = Thread(target=group.wait, args=(TIMEOUT,))
    waiting.start()
    try:
        connection, (_, client_port) = listener.accept()
        with connection:
            peer = find_peer(group.number, client_port, {port})
            elsewhere = find_peer(group.number, client_port, {port + 1})
    finally:
        waiting.join()
    assert elsewhere is None
    return (peer.name, peer.has_server) if peer else None


def test_the_process_and_its_command_line(listener: socket) -> None:
    found = find_name(listener, f'{CONNECT}; {WAIT}')
    assert found is not None
    name, has_server = found
    assert name.startswith(f'{Path(sys.executable).name} -c import sys; import socket')
    assert len(name) == 40
    assert name.endswith('…')
    assert not has_server


def test_one_that_has_started_a_server(listener: socket) -> None:
    server = (
        'import socket, time; listening = socket.create_server(("127.0.0.1", 0)); print(flush=True); time.sleep(60)'
    )
    start = 'import subprocess; server = subprocess.Popen([sys.executable, "-c", sys.argv[0]], stdout=-1)'
    code = start.replace('sys.argv[0]', repr(server))
    found = find_name(listener, f'{code}; server.stdout.readline(); {CONNECT}; {WAIT}')
    assert found is not None
    assert found[1]


def test_one_that_serves_with_a_child(listener: socket) -> None:
    fork = 'import os, socket; listening = socket.create_server(("127.0.0.1", 0)); child = os.fork()'
    found = find_name(listener, f'{fork}; child or __import__("time").sleep(60); {CONNECT}; {WAIT}')
    assert found is not None
    assert not found[1]


@pytest.mark.parametrize('family', [AF_INET, AF_INET6])
def test_a_connection_of_somebody_else(listener: socket, family: int) -> None:
    with (
        create_server(('127.0.0.1' if family == AF_INET else '::1', 0), family=family) as other,
        socket(family) as client,
    ):
        client.connect(other.getsockname()[:2])
        ports = client.getsockname()[1], {other.getsockname()[1]}
        assert find_peer(os.getpid(), *ports) is None
        found = find_peer(os.getsid(0), *ports)
        assert found is not None
        assert found.number == os.getpid()
