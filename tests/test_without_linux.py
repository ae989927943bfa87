"""What only Linux has is done in another way elsewhere: `without_linux` takes it away, and checks what is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import without_linux
from tests.servers import TIMEOUT

CHECKS = [name for name in vars(without_linux) if name.startswith('check_')]


@pytest.fixture(scope='module')
def held() -> list[str]:
    """The names of the checks that held."""
    done = subprocess.run(
        [sys.executable, '-W', 'error', '-m', 'tests.without_linux'],
        cwd=Path(__file__).parents[1],
        env={**os.environ, 'VAURIEN_PURE': '1'},
        capture_output=True,
        text=True,
        timeout=6 * TIMEOUT,
    )
    assert done.stderr == ''
    return done.stdout.split()


@pytest.mark.parametrize('check', CHECKS)
def test_without_linux(held: list[str], check: str) -> None:
    assert check in held
