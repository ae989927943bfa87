from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

import pytest

from tests import turns
from tests.servers import TIMEOUT
from tests.turns import turn


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that no test of this run holds."""
    for name in ('ROOM', 'DOOR'):
        path = tmp_path / name
        path.touch()
        monkeypatch.setattr(turns, name, path)


def is_free(path: Path, operation: int = LOCK_SH) -> bool:
    """Whether the lock could be taken now."""
    with path.open() as file:
        try:
            flock(file, operation | LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_others_run_beside_each_other() -> None:
    with turn(alone=False):
        assert is_free(turns.DOOR)
        assert is_free(turns.ROOM)
        assert not is_free(turns.ROOM, LOCK_EX)
    assert is_free(turns.ROOM, LOCK_EX)


def test_a_serial_one_runs_alone() -> None:
    with turn(alone=True):
        assert not is_free(turns.ROOM)
    assert is_free(turns.ROOM)


def test_while_a_serial_one_waits_no_other_goes_in() -> None:
    with ThreadPoolExecutor() as threads:
        with turn(alone=False):
            serial = threads.submit(take_a_turn_alone)
            deadline = time.monotonic() + TIMEOUT
            while is_free(turns.DOOR) and time.monotonic() < deadline:
                time.sleep(0.001)
            assert not is_free(turns.DOOR)
            assert not serial.done()
        serial.result(TIMEOUT)


def take_a_turn_alone() -> None:
    with turn(alone=True):
        pass
