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
    """It accepts every connection and holds it."""
    yield from serve(hold)


@pytest.fixture
def leaver() -> Iterator[RawBackend]:
    """It closes every connection at once."""
    yield from serve(leave)


@pytest.fixture
def rude_leaver() -> Iterator[RawBackend]:
    """It resets every connection at once."""
    yield from serve(leave_rudely)


@pytest.fixture
def pinger() -> Iterator[RawBackend]:
    """It answers ``PING`` with ``+PONG``."""
    yield from serve(answer_ping)


@pytest.fixture(scope='session')
def authority() -> trustme.CA:
    """Whoever issues certificates here."""
    return trustme.CA()
