"""Leaves no client behind, and gives tests a behavior of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import talk
from tests.engine.acting import Act, make_act
from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.registry import Registry


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    """Close those that the test has left open, as a test that fails does."""
    yield
    while talk.clients:
        talk.clients.pop().close()


@pytest.fixture
def act(behaviors: Registry[Dummy]) -> Act:
    """Makes the behavior ``mine`` of up to three functions; gives a list that gets what they return or raise."""
    return make_act(behaviors)
