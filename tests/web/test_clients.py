"""Who has to leave when there is no room for another client."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from vaurien.web.clients import Clients


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Return four connected sockets."""
    sockets = [*socket.socketpair(), *socket.socketpair()]
    yield sockets
    for one in sockets:
        one.close()


def close_all(clients: Clients, sockets: list[socket.socket]) -> list[int]:
    """Close all idle clients; return which ones, in their order."""
    closed: list[int] = []
    while True:
        before = [is_open(one) for one in sockets]
        if not clients.close_idle():
            return closed
        closed += [i for i, one in enumerate(sockets) if before[i] and not is_open(one)]


def is_open(one: socket.socket) -> bool:
    try:
        one.send(b'')
    except BrokenPipeError:
        return False
    return True


def test_the_one_that_was_answered_longest_ago_leaves_first(sockets: list[socket.socket]) -> None:
    clients = Clients()
    for one in sockets[::2]:
        clients.add(one)
    clients.begin(sockets[0])
    clients.end(sockets[0])
    assert close_all(clients, sockets[::2]) == [1, 0]
    assert not clients.close_idle()


def test_nobody_leaves_while_the_server_works(sockets: list[socket.socket]) -> None:
    clients = Clients()
    clients.add(sockets[0])
    clients.begin(sockets[0])
    assert not clients.close_idle()
    with clients.waiting(sockets[0]):
        assert clients.close_idle()
    clients.end(sockets[0])  # it has left
    assert not clients.close_idle()


def test_one_that_has_gone_already(sockets: list[socket.socket]) -> None:
    clients = Clients()
    clients.add(sockets[0])
    clients.add(sockets[2])
    sockets[2].close()
    clients.remove(sockets[0])
    assert clients.close_idle()
    assert not clients.close_idle()
