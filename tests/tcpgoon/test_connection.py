"""One connection: what its dialer is told, and that nothing of it is left open. `test_dialer` has many at a time."""

from __future__ import annotations

from typing import Any, cast

import gevent
import pytest
from gevent.event import Event

from tests.descriptors import descriptors, wait_until_none_is_left
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT
from tests.tcpgoon.dialing import closed_port, deaf_port, target
from vaurien.tcpgoon.connection import Connection
from vaurien.tcpgoon.dialer import Dialer
from vaurien.tcpgoon.handshake import Recipe


class Listener:
    """Stands in for a `Dialer`, and keeps what it is told."""

    def __init__(self, port: int, expect: bytes = b'') -> None:
        self.recipe = Recipe(target(port), None, b'', expect)
        self.loop: Any = gevent.get_hub().loop
        self.told: list[str] = []
        self.connection = Connection(cast(Dialer, self), 1)
        self._changed = Event()

    def on_established(self, connection: Connection) -> None:
        self._note('established')

    def on_failed(self, connection: Connection, error: str) -> None:
        self._note(error)

    def on_closed(self, connection: Connection, reason: str) -> None:
        self._note(f'closed: {reason}')

    def wait_for(self, *told: str) -> None:
        """Wait until that is what it was told, in all."""
        with gevent.Timeout(TIMEOUT):
            while self.told != list(told):
                self._changed.wait()
                self._changed.clear()

    def _note(self, what: str) -> None:
        self.told.append(what)
        self._changed.set()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Any:
    """The event loop has the descriptors that it needs before the test; afterwards there are no others."""
    gevent.sleep(0)
    before = descriptors()
    yield
    wait_until_none_is_left(before)


def test_until_it_is_closed_here(holder: RawBackend) -> None:
    listener = Listener(holder.port)
    listener.connection.dial()
    listener.wait_for('established')
    assert listener.connection.local.startswith(f'{HOST}:')
    assert 0 < listener.connection.began < listener.connection.established
    listener.connection.close()
    listener.connection.close()
    assert listener.told == ['established']


def test_until_the_server_closes_it(leaver: RawBackend) -> None:
    listener = Listener(leaver.port)
    listener.connection.dial()
    listener.wait_for('established', 'closed: EOF')


def test_until_the_server_resets_it(rude_leaver: RawBackend) -> None:
    listener = Listener(rude_leaver.port)
    listener.connection.dial()
    with gevent.Timeout(TIMEOUT):
        while not listener.told or listener.told == ['established']:
            gevent.sleep(0.001)
    assert listener.told in (['established', 'closed: ECONNRESET'], ['ECONNRESET'])
    listener.connection.close()


def test_what_the_server_sends_is_received(raw_backend: RawBackend) -> None:
    raw_backend.serve(lambda peer: peer.send(bytes(1_000_000)))
    listener = Listener(raw_backend.port)
    listener.connection.dial()
    listener.wait_for('established', 'closed: EOF')


def test_it_fails() -> None:
    with closed_port() as port:
        listener = Listener(port)
        listener.connection.dial()
        listener.wait_for('ECONNREFUSED')
    listener.connection.close()


def test_it_is_closed_before_it_is_established() -> None:
    with deaf_port() as port:
        listener = Listener(port)
        listener.connection.dial()
        gevent.sleep(0)
        listener.connection.close()
    assert listener.told == []


def test_it_is_closed_within_the_handshake(holder: RawBackend) -> None:
    listener = Listener(holder.port, expect=b'220')
    listener.connection.dial()
    gevent.sleep(0.001)
    listener.connection.close()
    assert listener.told == []
