"""Servers to send to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conntest.serving import Server, StartServer


@pytest.fixture(scope='session')
def server() -> Iterator[Server]:
    """A server for all tests: each makes groups of its own."""
    server = Server()
    yield server
    server.kill()


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts ``conntest server`` with the flags given, which ends with the test at the latest."""
    with ExitStack() as stack:

        def start(*flags: str) -> Server:
            server = Server(*flags)
            stack.callback(server.kill)
            return server

        yield start
