"""A project with tests that are explored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.explore.pytest.suites import Suite
from tests.servers import Server


@pytest.fixture
def suite(tmp_path: Path, redis_server: Server) -> Suite:
    """Give a project with the cart, and no tests yet."""
    return Suite(tmp_path, redis_server)
