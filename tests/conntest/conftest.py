"""Servers to send to, and a report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conntest.serving import Server, StartServer
from tests.conntest.test_messages import GOLDEN


@pytest.fixture(scope='session')
def server() -> Iterator[Server]:
    """Return a server for all tests, each of which creates groups of its own."""
    server = Server()
    yield server
    server.kill()


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Return a function that starts ``conntest server`` with flags; the server ends with the test."""
    with ExitStack() as stack:

        def start(*flags: str) -> Server:
            server = Server(*flags)
            stack.callback(server.kill)
            return server

        yield start


@pytest.fixture
def faulty_report(tmp_path: Path) -> Path:
    """Return a report of the original, changed to have errors in two of four runs."""
    content: dict[str, Any] = json.loads((GOLDEN / 'report.json').read_bytes())
    first = content['results'][0]
    content['results'][1]['error'] = 'data mismatch'
    content['results'].append({**first, 'run_count': 4, 'run_id': '', 'error': 'connection refused'})
    path = tmp_path / 'report.json'
    path.write_text(json.dumps(content))
    return path
