"""A wire: how pieces pass, one after the other. The toxic `bandwidth` shows what many senders get of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from vaurien.plugins.wire import Sender, Wire


def test_pieces_pass_one_after_the_other() -> None:
    wire = Wire()
    assert wire.enter('a', 1.0, 100, 1, 1.0) == (100, 1.1)
    assert wire.enter('b', 1.0, 100, 1, 1.0) == pytest.approx((50, 1.15))
    wire.leave('a', 1.1)
    assert wire.enter('a', 1.1, 100, 1, 1.1) == pytest.approx((50, 1.2))


def test_what_has_not_passed_leaves_room() -> None:
    wire = Wire()
    wire.enter('a', 0.0, 100, 1, 0.0)
    wire.leave('a', 0.04)
    assert wire.enter('b', 0.0, 10, 1, 0.04) == pytest.approx((10, 0.05))
    wire.leave('nobody', 0.0)
    wire.leave('b', 1.0)
    assert wire.enter('c', 0.0, 10, 1, 1.0) == pytest.approx((10, 0.06))


def test_who_sends_alone_makes_up_for_a_pause_and_with_others_hardly() -> None:
    wire = Wire()
    assert wire.enter('a', 0.0, 10, 1, 5.0) == (10, 0.01)
    assert wire.enter('b', 0.0, 10, 1, 5.0) == pytest.approx((10, 4.91))


def test_a_turn_is_for_what_waits_too() -> None:
    wire, sender = Wire(), Sender()
    sender.begin(0.0)
    assert sender.send(wire, 30, 50, 1, 0.0) == 0
    assert sender.due == pytest.approx(0.08)
    assert sender.send(wire, 30, 50, 1, 0.08) == 30
    assert sender.send(wire, 40, 10, 1, 0.08) == 40
    assert sender.send(wire, 15, 0, 1, 0.08) == 10
    assert sender.send(wire, 5, 0, 1, 0.08) == 0


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads are interrupted as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures('restless')
def test_threads_never_have_the_same_time() -> None:
    wire = Wire()

    def send(number: int) -> None:
        for _ in range(2000):
            wire.enter(number, 0.0, 1, 1, 0.0)
            wire.leave(number, 1e9)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(4)))
    assert wire.enter('last', 0.0, 1, 1, 0.0) == pytest.approx((1, 8.001))
