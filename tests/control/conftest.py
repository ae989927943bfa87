"""Control APIs to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands import Command
from tests.control.api import Api
from tests.control.fake import FakeProxy, ServedProxy
from tests.control.toxiproxy import Toxiproxy
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


@pytest.fixture(scope='package')
def server() -> Iterator[Command]:
    """``vaurien --server``, which must not complain of anything but backends that are not there, and ends well."""
    command = Command('--server', '--log-level', 'error')
    try:
        yield command
        assert command.stop()[::2] == (0, '')
    finally:
        command.kill()


@pytest.fixture
def toxiproxy(server: Command) -> Iterator[Toxiproxy]:
    """Asks it. There is no proxy; in the end there may be some, and it must still be served."""
    toxiproxy = Toxiproxy(server.api)
    with toxiproxy.session:
        toxiproxy.clear()
        yield toxiproxy
        toxiproxy.clear()
        assert not server.log_lines
