"""Leaves no client behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import talk


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    """Close those that the test has left open, as a test that fails does."""
    yield
    while talk.clients:
        talk.clients.pop().close()
