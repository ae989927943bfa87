"""A test of ``tcpgoon`` inside the test's process, and what servers do to it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import gevent

from tests.peers import Peer
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.tcpgoon.dialer import Dialer
from vaurien.tcpgoon.handshake import Recipe
from vaurien.tcpgoon.record import Record
from vaurien.tcpgoon.settings import Settings
from vaurien.tcpgoon.target import Place, Target

#: Milliseconds after which a test is sure that nobody answers.
SHORT = 300


def place(port: int, host: str = HOST) -> Place:
    """Return an IPv4 address."""
    return Place(socket.AF_INET, (host, port))


def target(port: int, *others: int, sources: Sequence[Place] = (), name: str = '') -> Target:
    """Return a target with an address for each of the ports, to be tried in that order."""
    return Target(Address(HOST, port), [place(one) for one in (port, *others)], sources, name)


def dial(
    to: int | Target, *, tls: ssl.SSLContext | None = None, send: bytes = b'', expect: bytes = b'', **settings: Any
) -> Record:
    """Run a test to its end, without a pause between two dials; raise `gevent.Timeout` if it does not end."""
    recipe = Recipe(target(to) if isinstance(to, int) else to, tls, send, expect)
    with closing(Dialer(recipe, Settings(**{'sleep': 0, 'connections': 10, **settings}))) as dialer:
        dialer.begin()
        with gevent.Timeout(2 * TIMEOUT):
            dialer.wait()
    return dialer.record


@contextmanager
def closed_port() -> Iterator[int]:
    """Reserve a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        yield sock.getsockname()[1]


@contextmanager
def deaf_port() -> Iterator[int]:
    """Listen on a port where one connection waits to be accepted and no other is answered."""
    with socket.create_server((HOST, 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((HOST, port)):
            yield port


def hold(peer: Peer) -> None:
    """Receive until the client leaves; with bytes it has not read, its leaving is a reset."""
    with suppress(ConnectionResetError):
        while peer.recv():
            pass


def leave(peer: Peer) -> None:
    """Close the connection at once."""


def leave_rudely(peer: Peer) -> None:
    """Reset the connection at once."""
    peer.reset()


def answer_ping(peer: Peer) -> None:
    """Respond to one line with another one, in two pieces."""
    peer.recv_until(b'PING\r\n')
    peer.send(b'+PO')
    peer.send(b'NG\r\n')
    hold(peer)
