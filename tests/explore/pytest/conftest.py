"""A project with tests that are explored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.explore.pytest.forking import Forking
from tests.explore.pytest.suites import Suite
from tests.servers import Server


@pytest.fixture(scope='session')
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forking]:
    """What runs pytest."""
    process = Forking(tmp_path_factory.mktemp('nothing'))
    yield process
    process.close()


@pytest.fixture
def suite(tmp_path: Path, redis_server: Server, forking: Forking) -> Suite:
    """Give a project with the cart, and no tests yet."""
    return Suite(tmp_path, redis_server, forking)
