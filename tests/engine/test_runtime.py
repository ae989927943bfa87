"""What everything on a proxy runs on: it ends what it has started, and may be started again meanwhile."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypeVar

import gevent
import pytest
from gevent.event import Event
from gevent.pool import Group

from tests.descriptors import descriptors
from tests.loop import in_loop
from vaurien import clock
from vaurien.engine.runtime import CHUNK, Runtime
from vaurien.records.proxy_log import NO_PROXY

Result = TypeVar('Result')


def with_runtime(function: Callable[[Runtime], Result]) -> Result:
    """What *function* returns of a runtime, in an event loop of its own."""
    return in_loop(lambda: function(Runtime(NO_PROXY)))


def wait_for_ever(log: list[str]) -> None:
    """What a greenlet does: it notes how it ends."""
    try:
        gevent.sleep(1000)
    except gevent.GreenletExit:
        log.append('ended')
        raise


def test_one_buffer_for_all() -> None:
    runtime = with_runtime(lambda runtime: runtime)
    assert (len(runtime.buffer), runtime.buffer.readonly) == (CHUNK, False)


def test_its_loop_is_the_one_of_the_thread() -> None:
    assert with_runtime(lambda runtime: runtime.loop is gevent.get_hub().loop)


def test_every_greenlet_ends_with_it() -> None:
    def look(runtime: Runtime) -> list[str]:
        runtime.start()
        log: list[str] = []
        greenlets = [runtime.spawn(wait_for_ever, log) for _ in range(3)]
        gevent.sleep(0)
        runtime.stop()
        assert all(greenlet.dead for greenlet in greenlets)
        return log

    assert with_runtime(look) == ['ended'] * 3


def test_a_greenlet_that_has_not_run_never_does() -> None:
    def look(runtime: Runtime) -> list[str]:
        runtime.start()
        log: list[str] = []
        greenlet = runtime.spawn(log.append, 'ran')
        runtime.stop()
        assert greenlet.dead
        return log

    assert with_runtime(look) == []


def test_stopping_waits_for_greenlets_that_take_their_time() -> None:
    def look(runtime: Runtime) -> list[str]:
        runtime.start()
        log: list[str] = []

        def linger() -> None:
            try:
                gevent.sleep(1000)
            finally:
                gevent.sleep(0.01)
                log.append('ended')

        runtime.spawn(linger)
        gevent.sleep(0)
        runtime.stop()
        return [*log, 'stopped']

    assert with_runtime(look) == ['ended', 'stopped']


def test_it_is_started_again_while_it_stops() -> None:
    """What the new one has started goes on, and its clock keeps time; the old one's descriptors are closed."""

    def look(runtime: Runtime) -> list[str]:
        before = len(descriptors())
        runtime.start()
        each = len(descriptors()) - before
        assert each == (1 if runtime.pump is None else 2)
        log: list[str] = []
        may_end = Event()

        def linger() -> None:
            try:
                gevent.sleep(1000)
            finally:
                may_end.wait()
                log.append('the old one has ended')

        def wake() -> None:
            runtime.clock.sleep(0.001)
            log.append('the new one is awake')

        runtime.spawn(linger)
        gevent.sleep(0)
        stopping = Group().spawn(runtime.stop)
        gevent.sleep(0)
        runtime.start()
        assert len(descriptors()) == before + 2 * each
        greenlet = runtime.spawn(wake)
        may_end.set()
        stopping.get()
        assert len(descriptors()) == before + each
        greenlet.get()
        runtime.stop()
        assert len(descriptors()) == before
        return log

    assert with_runtime(look) == ['the old one has ended', 'the new one is awake']


def test_it_need_not_have_been_started() -> None:
    """A proxy that is not enabled may look a name up."""

    def look(runtime: Runtime) -> list[str]:
        log: list[str] = []
        runtime.spawn(wait_for_ever, log)
        gevent.sleep(0)
        runtime.stop()
        runtime.stop()
        return log

    assert with_runtime(look) == ['ended']


def test_without_a_descriptor_for_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, 'Too many open files')

    def look(runtime: Runtime) -> None:
        with pytest.raises(OSError, match='Too many open files'):
            runtime.start()
        runtime.stop()

    monkeypatch.setattr(clock, 'Timer', fail)
    with_runtime(look)
