"""Turns: who has much to do shares the event loop with the others."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import gevent
import pytest
from gevent import socket as green

from tests.loop import in_loop
from vaurien.clock import TURN
from vaurien.engine.turns import Turns, get_turns


def busy(seconds: float = 2 * TURN) -> None:
    """Keep everybody waiting."""
    end = monotonic() + seconds
    while monotonic() < end:
        pass


def repeat(turns: Turns, times: int, job: Callable[[], object]) -> None:
    """Do *job* in so many turns."""

    def go_on(left: int) -> None:
        job()
        if left > 1:
            turns.add(lambda: go_on(left - 1))

    turns.add(lambda: go_on(times))


def test_jobs_take_turns() -> None:
    def run() -> str:
        turns, order = get_turns(), []
        for name in 'abc':
            repeat(turns, 4, lambda name=name: order.append(name))  # type: ignore[misc]
        for _ in range(4):
            turns.wait()
        return ''.join(order)

    assert in_loop(run) == 4 * 'abc'


def test_whatever_else_happens_comes_between_two_turns() -> None:
    def run() -> int:
        turns, (one, other) = get_turns(), green.socketpair()
        left = 100

        def work() -> None:
            nonlocal left
            left -= 1
            busy()

        repeat(turns, left, work)
        with one, other:
            for sender, receiver in 5 * [(one, other), (other, one)]:
                gevent.get_hub().loop.run_callback(sender.send, b'x')
                receiver.recv(1)
        turns.stop()
        return left

    assert in_loop(run) > 50


def test_a_turn_is_short_however_many_jobs_there_are() -> None:
    def run() -> int:
        turns, done = get_turns(), []

        def work() -> None:
            busy()
            done.append(1)

        for _ in range(100):
            turns.add(work)
        while not done:
            gevent.sleep(0)
        turns.stop()
        return len(done)

    assert in_loop(run) < 50


def test_a_greenlet_pauses_after_a_turn_of_work() -> None:
    def run() -> list[str]:
        order: list[str] = []
        pause = get_turns().begin()
        get_turns().add(lambda: order.append('other'))
        pause()
        order.append('too early to pause')
        busy()
        pause()
        order.append('after a turn')
        return order

    assert in_loop(run) == ['too early to pause', 'other', 'after a turn']


def test_a_callback_of_the_loop_goes_on_at_once() -> None:
    def run() -> list[str]:
        order: list[str] = []

        def call() -> None:
            pause = get_turns().begin()
            busy()
            pause()
            order.append('done')

        gevent.get_hub().loop.run_callback(call)
        gevent.sleep(0)
        return order

    assert in_loop(run) == ['done']


def test_the_loop_sleeps_when_all_is_done() -> None:
    def run() -> bool:
        turns = get_turns()
        turns.add(lambda: None)
        turns.wait()
        gevent.sleep(0.01)
        return bool(gevent.get_hub().loop.activecnt > 1)

    assert not in_loop(run)


@pytest.mark.parametrize('times', [1, 2])
def test_an_event_loop_has_the_same_turns_always(times: int) -> None:
    assert in_loop(lambda: all(get_turns() is get_turns() for _ in range(times)))
