"""Waits and alarms, in event loops of their own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from time import monotonic

import gevent
import gevent.pool
import pytest
from gevent.socket import socketpair

from tests.loop import in_loop
from tests.servers import TIMEOUT
from vaurien.clock import LONGEST, MIN_PURGE, TURN, Clock

#: How late the best of many waits may be, in seconds.
EXACT = 0.0003

Scene = Callable[[Clock], None]


@pytest.fixture
def play() -> Callable[[Scene], None]:
    """Runs a scene with a clock of its own, which is closed at its end."""

    def play(scene: Scene) -> None:
        def run() -> None:
            clock = Clock(gevent.get_hub().loop)
            try:
                scene(clock)
            finally:
                clock.close()

        in_loop(run)

    return play


def soon(seconds: float = 0.0) -> float:
    return time.monotonic() + seconds


def test_alarms_ring_in_the_order_of_their_deadlines(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[float] = []
        start = soon(0.001)
        for delay in (0.003, 0.001, 0.0, 0.002):
            clock.call_at(start + delay, partial(rung.append, delay))
        clock.sleep(0.01)
        assert rung == [0.0, 0.001, 0.002, 0.003]

    play(scene)


def test_alarms_of_one_deadline_ring_in_the_order_they_were_set(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[int] = []
        deadline = soon(0.001)
        for number in range(20):
            clock.call_at(deadline, partial(rung.append, number))
        clock.sleep(0.005)
        assert rung == list(range(20))

    play(scene)


@pytest.mark.parametrize('late', [0.0, 1.0, 1e9, math.inf])
def test_a_deadline_that_has_passed_rings_at_once(play: Callable[[Scene], None], late: float) -> None:
    def scene(clock: Clock) -> None:
        rung: list[bool] = []
        clock.call_at(soon(-late), lambda: rung.append(True))
        assert not rung, 'a call never comes before the next turn of the loop'
        clock.sleep(0)
        assert rung == [True]

    play(scene)


def test_an_earlier_alarm_overtakes_the_one_that_the_timer_is_set_for(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        late = clock.call_at(soon(10 * TIMEOUT), lambda: None)
        clock.sleep(0.001)
        assert not late.is_cancelled

    play(scene)


def test_an_alarm_that_is_cancelled_never_rings(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[str] = []
        first = clock.call_at(soon(0.001), lambda: rung.append('first'))
        clock.call_at(soon(0.002), lambda: rung.append('second'))
        first.cancel()
        first.cancel()
        assert first.is_cancelled
        first.ring()
        clock.sleep(0.005)
        assert rung == ['second']

    play(scene)


def test_an_alarm_rings_once(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[bool] = []
        alarm = clock.call_at(soon(), lambda: rung.append(True))
        clock.sleep(0.001)
        alarm.ring()
        assert rung == [True]
        assert alarm.is_cancelled
        alarm.cancel()

    play(scene)


def test_an_alarm_may_cancel_another_of_the_same_deadline(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[bool] = []
        deadline = soon(0.001)
        clock.call_at(deadline, lambda: second.cancel())
        second = clock.call_at(deadline, lambda: rung.append(True))
        clock.sleep(0.005)
        assert not rung

    play(scene)


def test_an_alarm_may_set_another(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[str] = []
        clock.call_at(soon(), lambda: clock.call_at(soon(), lambda: rung.append('second')))
        clock.sleep(0)
        clock.sleep(0)
        assert rung == ['second']

    play(scene)


def test_cancelled_alarms_are_purged(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        kept = [clock.call_at(soon(10 * TIMEOUT), lambda: None) for _ in range(10)]
        for _ in range(100 * MIN_PURGE):
            clock.call_at(soon(10 * TIMEOUT), lambda: None).cancel()
        assert len(clock._alarms) <= MIN_PURGE
        assert {alarm for _, _, alarm in clock._alarms if not alarm.is_cancelled} == set(kept)

    play(scene)


def test_a_purge_keeps_the_order(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[int] = []
        start = soon(0.02)
        alarms = [clock.call_at(start - number / 1e6, partial(rung.append, number)) for number in range(MIN_PURGE)]
        for alarm in alarms[::2]:
            alarm.cancel()
        clock.call_at(start, lambda: None)
        assert len(clock._alarms) == MIN_PURGE // 2 + 1
        clock.sleep(0.05)
        assert rung == sorted(range(1, MIN_PURGE, 2), reverse=True)

    play(scene)


def test_many_live_alarms_are_not_searched_each_time(play: Callable[[Scene], None]) -> None:
    """After a purge that finds nothing to purge, the heap may double before the next one."""

    def scene(clock: Clock) -> None:
        purges: list[int] = []
        purge = clock._purge

        def watch() -> None:
            purges.append(len(clock._alarms))
            purge()

        clock._purge = watch  # type: ignore[method-assign]
        for _ in range(8 * MIN_PURGE):
            clock.call_at(soon(10 * TIMEOUT), lambda: None)
        assert purges == [MIN_PURGE, 2 * MIN_PURGE, 4 * MIN_PURGE]

    play(scene)


@pytest.mark.parametrize('seconds', [0.0, 1e-9, 0.0005, 0.0105])
def test_a_wait_is_never_too_short_and_exact(play: Callable[[Scene], None], seconds: float) -> None:
    """A busy machine may be late with any wait, so the best of them says how exact the clock is.

    A timer of the event loop ends waits of so many and a half milliseconds half a millisecond late, even the best.
    """

    def scene(clock: Clock) -> None:
        best = math.inf
        for _ in range(200):
            began = time.monotonic()
            clock.sleep(seconds)
            late = time.monotonic() - began - seconds
            assert late >= 0
            best = min(best, late)
            if best < EXACT:
                return
        raise AssertionError(f'late by {best} s at best')

    play(scene)


def test_waits_do_not_hold_each_other_up(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        woken: list[int] = []

        began = soon()

        def wait(number: int) -> None:
            clock.sleep(began + number * 0.01 - time.monotonic())
            woken.append(number)

        group = gevent.pool.Group()
        for number in (5, 3, 1, 4, 2):
            group.spawn(wait, number)
        group.join(TIMEOUT)
        assert woken == [1, 2, 3, 4, 5]
        assert time.monotonic() - began < TIMEOUT

    play(scene)


def test_a_wait_that_is_killed_leaves_no_alarm(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        group = gevent.pool.Group()
        group.spawn(clock.sleep, 10 * TIMEOUT)
        gevent.sleep(0)
        assert [alarm.is_cancelled for _, _, alarm in clock._alarms] == [False]
        group.kill(timeout=TIMEOUT)
        assert [alarm.is_cancelled for _, _, alarm in clock._alarms] == [True]

    play(scene)


@pytest.mark.parametrize('seconds', [2 * LONGEST, 1e18, float(2**1000), math.inf])
def test_long_waits_are_set(play: Callable[[Scene], None], seconds: float) -> None:
    """They are longer than the kernel counts, which does not keep others from ringing."""

    def scene(clock: Clock) -> None:
        rung: list[bool] = []
        alarm = clock.call_at(soon(seconds), lambda: rung.append(True))
        clock.sleep(0.001)
        clock.sleep(0.001)
        assert not rung
        alarm.cancel()

    play(scene)


def test_a_long_wait_sets_the_timer_again_and_again(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('vaurien.clock.LONGEST', 0.002)

    def scene(clock: Clock) -> None:
        began = time.monotonic()
        clock.sleep(0.02)
        assert time.monotonic() - began >= 0.02

    play(scene)


def test_closing_while_somebody_waits(play: Callable[[Scene], None]) -> None:
    """Who waits is not woken; it can still be killed."""

    def scene(clock: Clock) -> None:
        rung: list[bool] = []
        other = Clock(gevent.get_hub().loop)
        other.call_at(soon(0.001), lambda: rung.append(True))
        group = gevent.pool.Group()
        waiting = group.spawn(other.sleep, 0.001)
        gevent.sleep(0)
        other.close()
        clock.sleep(0.01)
        assert not rung
        assert not waiting.dead
        group.kill(timeout=TIMEOUT)
        assert waiting.dead

    play(scene)


def test_an_alarm_may_close_the_clock(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[str] = []
        other = Clock(gevent.get_hub().loop)
        deadline = soon(0.001)
        other.call_at(deadline, other.close)
        other.call_at(deadline, lambda: rung.append('same deadline'))
        other.call_at(deadline + 0.001, lambda: rung.append('later'))
        clock.sleep(0.01)
        assert not rung

    play(scene)


def test_many_alarms_that_are_due_leave_time_for_others(play: Callable[[Scene], None]) -> None:
    def scene(clock: Clock) -> None:
        rung: list[float] = []

        def ring() -> None:
            rung.append(monotonic())
            while monotonic() < rung[-1] + 2 * TURN:
                pass

        now = monotonic()
        for _ in range(50):
            clock.call_at(now, ring)
        one, other = socketpair()
        with one, other:
            one.send(b'x')
            other.recv(1)
        assert len(rung) < 25
        while len(rung) < 50:
            clock.sleep(0)

    play(scene)


def test_an_alarm_that_raises_has_no_other_wait(
    play: Callable[[Scene], None], capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ValueError('no good')

    def scene(clock: Clock) -> None:
        rung: list[str] = []
        deadline = soon(0.001)
        clock.call_at(deadline, fail)
        clock.call_at(deadline, lambda: rung.append('same deadline'))
        clock.call_at(deadline + 0.001, lambda: rung.append('later'))
        with gevent.Timeout(TIMEOUT):
            while len(rung) < 2:
                gevent.sleep(0.001)
        assert rung == ['same deadline', 'later']

    play(scene)
    assert 'ValueError: no good' in capfd.readouterr().err
