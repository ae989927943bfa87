"""A run that outputs look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loads.users.test_run import StillRun
from vaurien.loads.plan import Cycle, Plan


@pytest.fixture
def run() -> Iterator[StillRun]:
    """A run of ten hits, of which the test says what happens."""
    run = StillRun(Plan(test='shop.TestShop.test_order', cycles=(Cycle(2, 5),), project_name='my shop'))
    yield run
    run.environment.runner.greenlet.kill()
