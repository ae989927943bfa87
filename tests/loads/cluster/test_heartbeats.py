"""A peer is lost when it is silent, not when this process was too busy to listen."""

from __future__ import annotations

import pytest

from vaurien.loads.cluster.heartbeats import MAX_STEP, Heartbeats


@pytest.mark.parametrize('step', [0.25, 0.5, 1.0])
def test_silence(step: float) -> None:
    heartbeats = Heartbeats(3, 100)
    looks = [100 + (number + 1) * step for number in range(round(4 / step))]
    assert [heartbeats.is_lost(now) for now in looks] == [now > 103 for now in looks]


def test_heartbeats_begin_the_count_anew() -> None:
    heartbeats = Heartbeats(3, 0)
    for now in range(1, 20):
        assert not heartbeats.is_lost(now)
        if now % 3 == 0:
            heartbeats.beat()


def test_a_process_that_was_busy() -> None:
    heartbeats = Heartbeats(3, 0)
    assert not heartbeats.is_lost(60)
    assert not heartbeats.is_lost(60 + MAX_STEP)
    assert not heartbeats.is_lost(60 + 2 * MAX_STEP)
    assert heartbeats.is_lost(60 + 3 * MAX_STEP)
