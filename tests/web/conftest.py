"""A control API for the tests of the server under it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.control.fake import FakeProxy, ServedProxy


@pytest.fixture
def served() -> Iterator[ServedProxy]:
    """Serve the control API of a fake proxy on loopback."""
    with ServedProxy(FakeProxy()) as served:
        yield served
