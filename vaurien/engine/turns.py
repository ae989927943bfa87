"""Turns: what would keep the event loop for long is done bit by bit, and everything else happens in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import gevent
from gevent.hub import Waiter

from vaurien.clock import TURN

#: The highest priority of libev. Idle watchers of this priority are called once in each turn of the loop, however busy
#: it is (http://pod.tst.eu/http://cvs.schmorp.de/libev/ev.pod#code_ev_idle_code_when_you_ve_got_no).
_ALWAYS = 2

Item = TypeVar('Item')


class Turns:
    """Shares the time of one event loop among the jobs that have much to do: each in its turn, round and round."""

    def __init__(self, loop: Any) -> None:
        self._jobs: deque[Callable[[], object]] = deque()
        self._loop = loop
        #: Exists while there are jobs. It keeps the loop from waiting for anything else.
        self._watcher: Any = None

    def add(self, job: Callable[[], object]) -> None:
        """Call *job* in one of the next turns of the loop. It may add itself again; it must neither block nor raise."""
        self._jobs.append(job)
        if self._watcher is None:
            self._watcher = self._loop.idle(priority=_ALWAYS)
            self._watcher.start(self._run)

    def wait(self) -> None:
        """Let the calling greenlet sleep until its turn comes. A callback of the loop cannot: it goes on at once."""
        if gevent.getcurrent() is not gevent.get_hub():
            waiter: Waiter[None] = Waiter()
            self.add(partial(waiter.switch, None))
            waiter.get()

    def begin(self) -> Pause:
        """Return what to call between the steps of a long job of the calling greenlet, which begins now."""
        return Pause(self)

    def stop(self) -> None:
        """Give up all jobs."""
        self._jobs.clear()
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    def _run(self) -> None:
        until = monotonic() + TURN
        while self._jobs:
            self._jobs.popleft()()
            if monotonic() >= until:
                return
        self.stop()


class Pause:
    """Makes a greenlet wait for its next turn whenever it has worked for as long as a turn lasts."""

    __slots__ = ('_turns', '_until')

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._until = monotonic() + TURN

    def __call__(self) -> None:
        """Wait, if it is time. Whatever was looked up before may have changed by then."""
        if monotonic() >= self._until:
            self._turns.wait()
            self._until = monotonic() + TURN


def pausing(items: Iterable[Item], pause: Callable[[], object]) -> Iterator[Item]:
    """Yield *items*, and pause after each of them."""
    for item in items:
        yield item
        pause()


def get_turns() -> Turns:
    """Return the turns of the event loop of this thread. They end with its hub."""
    hub = gevent.get_hub()
    turns: Turns = vars(hub).setdefault('turns of vaurien', Turns(hub.loop))
    return turns
