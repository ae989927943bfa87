"""Servers to be tested."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import trustme

from tests.peers import Peer, RawBackend
from tests.tcpgoon.dialing import answer_ping, hold, leave, leave_rudely


def serve(script: Callable[[Peer], None]) -> Iterator[RawBackend]:
    backend = RawBackend().serve(script)
    yield backend
    backend.close()


@pytest.fixture
def holder() -> Iterator[RawBackend]:
    """Return a server that accepts every connection and holds it."""
    yield from serve(hold)


@pytest.fixture
def leaver() -> Iterator[RawBackend]:
    """Return a server that closes every connection at once."""
    yield from serve(leave)


@pytest.fixture
def rude_leaver() -> Iterator[RawBackend]:
    """Return a server that resets every connection at once."""
    yield from serve(leave_rudely)


@pytest.fixture
def pinger() -> Iterator[RawBackend]:
    """Return a server that responds to ``PING`` with ``+PONG``."""
    yield from serve(answer_ping)


@pytest.fixture(scope='session')
def authority() -> trustme.CA:
    """Return the authority that issues the certificates of the tests."""
    return trustme.CA()
