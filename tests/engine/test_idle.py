"""Links on which nothing moves, with a timer that the test fires; `test_proxy` waits for a real one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from vaurien.engine.idle import PER_TURN, IdleWatch
from vaurien.records.counts import Counts
from vaurien.records.proxy_log import NO_PROXY


class FakeTimer:
    """A timer of an event loop."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds
        self.is_closed = False
        self._call: Callable[[], None] | None = None

    def start(self, call: Callable[[], None]) -> None:
        self._call = call

    def stop(self) -> None:
        self._call = None

    def close(self) -> None:
        self.is_closed = True

    def fire(self) -> None:
        assert self._call is not None
        self._call()


class FakeLoop:
    """An event loop with one timer, and callbacks that the test has run."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []

    def timer(self, *seconds: float) -> FakeTimer:
        self.last = FakeTimer(*seconds)
        return self.last

    def run_callback(self, call: Callable[..., None], *args: object) -> FakeTimer:
        callback = FakeTimer()
        callback.start(lambda: call(*args))
        self.callbacks.append(callback.fire)
        return callback


class FakeLink:
    """A link of a proxy, which forgets it when it is closed."""

    def __init__(self, links: dict[int, Any], number: int) -> None:
        self.number = number
        self.has = Counts()
        self.closed = False
        self.is_leaving = False
        self.is_at_work = False
        self._links = links
        links[number] = self

    def move(self, upstream: int = 0, downstream: int = 0) -> None:
        self.has = self.has._replace(
            upstream_received=self.has.upstream_received + upstream,
            downstream_received=self.has.downstream_received + downstream,
        )

    def counts(self) -> Counts:
        return self.has

    def end(self) -> None:
        self.closed, self.is_leaving = True, False
        del self._links[self.number]


@pytest.fixture
def links() -> dict[int, Any]:
    return {}


@pytest.fixture
def timer(links: dict[int, Any]) -> FakeTimer:
    """That of a watch over *links*."""
    loop = FakeLoop()
    IdleWatch(loop, links, 30.0, NO_PROXY)
    return loop.last


def test_it_looks_every_so_many_seconds(timer: FakeTimer) -> None:
    assert timer.seconds == (30.0, 30.0)


def test_a_link_is_closed_when_nothing_has_moved_between_two_looks(
    links: dict[int, Any], timer: FakeTimer, caplog: pytest.LogCaptureFixture
) -> None:
    idle, busy = FakeLink(links, 1), FakeLink(links, 2)
    idle.move(5, 5)
    with caplog.at_level(logging.INFO):
        timer.fire()
        assert links == {1: idle, 2: busy}, 'it may have moved a moment ago'
        busy.move(upstream=1)
        timer.fire()
        assert links == {2: busy}
        busy.move(downstream=1)
        timer.fire()
        assert links == {2: busy}
        timer.fire()
        assert links == {}
        timer.fire()
    assert caplog.messages == [f'link {number}: nothing moved for 30 s, closed' for number in (1, 2)]


@pytest.mark.parametrize('direction', ['upstream', 'downstream'])
def test_what_is_sent_counts(links: dict[int, Any], timer: FakeTimer, direction: str) -> None:
    """Bytes that a toxic lets go one by one move, though nothing arrives."""
    link = FakeLink(links, 1)
    timer.fire()
    link.has = link.has._replace(**{f'{direction}_sent': 5})
    timer.fire()
    assert links == {1: link}
    timer.fire()
    assert links == {}


def test_a_link_at_work_is_not_idle(links: dict[int, Any], timer: FakeTimer) -> None:
    link = FakeLink(links, 1)
    link.is_at_work = True
    for _ in range(3):
        timer.fire()
    assert links == {1: link}
    link.is_at_work = False
    timer.fire()
    assert links == {}


def test_a_link_that_leaves_is_ended_likewise(links: dict[int, Any], timer: FakeTimer) -> None:
    link = FakeLink(links, 1)
    link.closed = link.is_leaving = True
    timer.fire()
    assert links == {1: link}
    timer.fire()
    assert links == {}


def test_many_links_take_several_turns(links: dict[int, Any]) -> None:
    """Other links are served in between, and some may close."""
    loop = FakeLoop()
    IdleWatch(loop, links, 30.0, NO_PROXY)
    for number in range(PER_TURN + 2):
        FakeLink(links, number)
    loop.last.fire()
    loop.callbacks.pop()()
    loop.last.fire()
    assert list(links) == [PER_TURN, PER_TURN + 1]
    loop.last.fire()
    assert list(links) == [PER_TURN, PER_TURN + 1], 'the look goes on, and does not begin again'
    links[PER_TURN].end()
    loop.callbacks.pop()()
    assert links == {}
    assert not loop.callbacks


def test_it_stops_in_the_middle(links: dict[int, Any]) -> None:
    loop = FakeLoop()
    watch = IdleWatch(loop, links, 30.0, NO_PROXY)
    for number in range(PER_TURN + 1):
        FakeLink(links, number)
    loop.last.fire()
    watch.stop()
    with pytest.raises(AssertionError):
        loop.callbacks.pop()()


def test_a_link_that_opens_is_given_the_whole_time(links: dict[int, Any], timer: FakeTimer) -> None:
    """Also one of a number that another link had; though it has received as much."""
    FakeLink(links, 1)
    timer.fire()
    link = FakeLink(links, 1)
    timer.fire()
    assert links == {1: link}


def test_it_stops(links: dict[int, Any]) -> None:
    loop = FakeLoop()
    watch = IdleWatch(loop, links, 30.0, NO_PROXY)
    watch.stop()
    assert loop.last.is_closed
    assert loop.last._call is None
