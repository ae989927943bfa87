"""Control APIs to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.control.api import Api
from tests.control.fake import FakeProxy, ServedProxy
from vaurien.address import Address
from vaurien.settings import Settings


@pytest.fixture
def served() -> Iterator[ServedProxy]:
    """Served on loopback; ``delay`` is configured to hold replies back, for 5 s."""
    settings = Settings(backend=Address('localhost', 6379), behavior_options={'delay': {'sleep': 5.0, 'before': False}})
    with ServedProxy(FakeProxy(settings)) as served:
        yield served


@pytest.fixture
def api(served: ServedProxy) -> Iterator[Api]:
    """Asks it."""
    api = Api(served.url)
    with api.session:
        yield api
