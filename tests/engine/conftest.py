"""Leaves no client and no plug-in behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import talk
from vaurien.behaviors import Behavior
from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.registry import Registry
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    """Close those that the test has left open, as a test that fails does."""
    yield
    while talk.clients:
        talk.clients.pop().close()


@pytest.fixture
def behaviors(monkeypatch: pytest.MonkeyPatch) -> Registry[Dummy]:
    """The registry of behaviors; what a test registers is forgotten after it."""
    monkeypatch.setattr(Behavior, '_registered', dict(Behavior._registered))
    return Behavior


@pytest.fixture
def protocols(monkeypatch: pytest.MonkeyPatch) -> Registry[BaseProtocol]:
    """Likewise for protocols."""
    monkeypatch.setattr(Protocol, '_registered', dict(Protocol._registered))
    return Protocol
