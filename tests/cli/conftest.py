"""What the tests of ``vaurienctl`` share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands import Command
from tests.servers import HOST
from vaurien.client import Client


@pytest.fixture
def process(server: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Return a client of the process that vaurienctl controls. It has no proxy before the test, and none after it."""
    client = Client(HOST, server.control_port)
    monkeypatch.setenv('VAURIEN_URL', client.url)
    remove_proxies(client)
    yield client
    remove_proxies(client)


def remove_proxies(client: Client) -> None:
    for name in client.proxies():
        client.proxy(name).delete()
