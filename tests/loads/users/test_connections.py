"""Whose connections the proxy sees, found by their local port."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gevent import Greenlet, getcurrent

from tests.loop import in_loop
from tests.peers import RawBackend, echo
from vaurien.loads.case import LOADS_USER
from vaurien.loads.users.connections import Connections
from vaurien.loads.users.user import USER


@pytest.fixture
def backend(raw_backend: RawBackend) -> RawBackend:
    """Where connections are watched."""
    return raw_backend.serve(echo)


@pytest.fixture
def connections(backend: RawBackend) -> Iterator[Connections]:
    """The connections to the backend."""
    connections = Connections()
    connections.watch(backend.port)
    yield connections
    connections.unwatch()


def as_user(number: int, function: Callable[[], Any]) -> Any:
    """Return what *function* returns as the code of a user."""

    def run() -> Any:
        getcurrent().spawn_tree_locals = {USER: SimpleNamespace(number=number)}
        return function()

    def call() -> Any:
        greenlet = Greenlet(run)
        greenlet.start()
        return greenlet.get()

    return in_loop(call)


def connect(address: tuple[str, int]) -> tuple[socket.socket, int]:
    """Open a connection; also its local port."""
    sock = socket.create_connection(address)
    return sock, sock.getsockname()[1]


def test_the_user_who_connects(connections: Connections, backend: RawBackend) -> None:
    address = (backend.host, backend.port)
    opened = [as_user(number, lambda: connect(address)) for number in (3, 4)]
    for number, (sock, port) in zip((3, 4), opened, strict=True):
        assert connections.find(port) == number
        connections.forget(port)
        assert connections.find(port) is None
        sock.close()


def test_a_thread_of_the_user(connections: Connections, backend: RawBackend) -> None:
    """Under load, a thread is a greenlet. Here it is none, and so nobody's."""
    opened: list[tuple[socket.socket, int]] = []
    address = (backend.host, backend.port)

    def open_in_greenlet() -> None:
        child = Greenlet(lambda: opened.append(connect(address)))
        child.start()
        child.join()

    as_user(3, open_in_greenlet)
    thread = threading.Thread(target=lambda: opened.append(connect(address)))
    thread.start()
    thread.join()
    assert [connections.find(port) for _, port in opened] == [3, None]
    for sock, _ in opened:
        sock.close()


def test_connections_to_elsewhere(connections: Connections, backend: RawBackend) -> None:
    other = RawBackend()
    sock, port = as_user(3, lambda: connect((other.host, other.port)))
    assert connections.find(port) is None
    sock.close()
    other.close()


def test_a_connection_that_is_refused(connections: Connections, backend: RawBackend) -> None:
    backend.close()
    with pytest.raises(ConnectionRefusedError):
        as_user(3, lambda: connect((backend.host, backend.port)))


def test_the_proxy_may_accept_before_the_user_knows(backend: RawBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections()
    found: list[int | None] = []
    genuine = socket.socket.connect

    def connect_slowly(sock: socket.socket, address: Any) -> None:
        genuine(sock, address)
        found.append(connections.find(sock.getsockname()[1]))

    monkeypatch.setattr(socket.socket, 'connect', connect_slowly)
    connections.watch(backend.port)
    sock, _ = as_user(3, lambda: connect((backend.host, backend.port)))
    connections.unwatch()
    sock.close()
    assert found == [3]


def test_the_method_is_put_back() -> None:
    before = socket.socket.connect
    connections = Connections()
    connections.watch(1)
    assert socket.socket.connect is not before
    connections.unwatch()
    assert socket.socket.connect is before


@pytest.mark.parametrize('another', [f'--unset={LOADS_USER}', f'{LOADS_USER}=ada'])
def test_commands(raw_backend: RawBackend, another: str) -> None:
    """The connection belongs to a child of the command, which has another environment."""
    connections = Connections()
    script = f'exec 3<>/dev/tcp/{raw_backend.host}/{raw_backend.port}; cat'
    words = ['sh', '-c', f'env {another} bash -c "{script}"; true']
    with subprocess.Popen(words, stdin=subprocess.PIPE, env={**os.environ, LOADS_USER: '5'}) as command:
        port = raw_backend.accept().sock.getpeername()[1]
        assert connections.find(port) is None
        with connections.running_command():
            assert connections.find(1) is None
            assert connections.find(port) == 5
        connections.forget(port)
        assert connections.find(port) is None
        command.communicate()


def test_a_connection_of_no_command(raw_backend: RawBackend) -> None:
    """What the process has started for another reason, and what has been started elsewhere."""
    connections = Connections()
    script = f'exec 3<>/dev/tcp/{raw_backend.host}/{raw_backend.port}; cat'
    with subprocess.Popen(['bash', '-c', script], stdin=subprocess.PIPE) as command:
        port = raw_backend.accept().sock.getpeername()[1]
        with connections.running_command():
            assert connections.find(port) is None
        command.communicate()
