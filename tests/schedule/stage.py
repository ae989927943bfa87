"""Schedules on real proxies, by a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from tests.loop import in_loop
from vaurien.address import Address
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.rules.behaviors import format_rules
from vaurien.schedule.reading import read_schedule
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import ProxySettings


class OwnClock:
    """A clock that stands still until the test lets time pass."""

    def __init__(self) -> None:
        self._now = 1000.0
        #: When each of those who wait is to be woken; None: never.
        self.waiting: dict[Event, float | None] = {}

    def now(self) -> float:
        return self._now

    def wait(self, event: Event, seconds: float | None) -> None:
        self.waiting[event] = None if seconds is None else self._now + seconds
        try:
            if seconds is None or seconds > 0:
                event.wait()
        finally:
            del self.waiting[event]

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits who is not to be woken yet."""
        return any(not event.is_set() for event in self.waiting)

    def skip(self, seconds: float) -> None:
        """Let time pass, and wake nobody."""
        self._now += seconds

    def step(self, until: float) -> bool:
        """Let time pass until somebody is to be woken, but no longer than *until*; return whether somebody was."""
        due = [deadline for deadline in self.waiting.values() if deadline is not None and deadline <= until]
        self._now = max(self._now, min([*due, until]))
        for event, deadline in self.waiting.items():
            if deadline is not None and deadline <= self._now:
                event.set()
        return bool(due)


class Stage:
    """Proxies, and the scheduler of them."""

    def __init__(self, *settings: ProxySettings) -> None:
        self.clock = OwnClock()
        self.proxies = Proxies(settings)
        self.proxies.start()
        self.scheduler = Scheduler(self.proxies, clock=self.clock)

    @property
    def proxy(self) -> ProxyServer:
        """The first proxy."""
        return next(iter(self.proxies.values()))

    @property
    def armed(self) -> str:
        """What is armed on it."""
        return format_rules(self.proxy.rules)

    @property
    def toxics(self) -> list[tuple[str, dict[str, Any]]]:
        """Its toxics with their attributes."""
        return [(rule.name, rule.status()['attributes']) for rule in self.proxy.toxics]

    def start(self, *steps: dict[str, Any], **fields: Any) -> None:
        """Run a schedule, up to what is there at its start."""
        self.scheduler.start(read_schedule({'steps': list(steps), **fields}))
        self.settle()

    def mark(self, name: str) -> None:
        """Set a mark."""
        self.scheduler.mark(name)
        self.settle()

    def pass_time(self, seconds: float) -> None:
        """Let so many seconds pass. Whatever is due in them happens when it is due."""
        until = self.clock.now() + seconds
        while self.clock.step(until):
            self.settle()

    def settle(self) -> None:
        """Return when the schedule waits again, or is over."""
        while self.scheduler.status()['status'] == 'running' and not self.clock.is_awaited:
            gevent.sleep(0)


def play(scene: Callable[[Stage], None], *settings: ProxySettings) -> None:
    """Have a scene played on a stage whose proxies listen on loopback; by default there is one, ``p``."""

    def run() -> None:
        stage = Stage(*(settings or [make('p')]))
        try:
            scene(stage)
        finally:
            stage.scheduler.abandon()
            stage.proxies.shut_down()

    in_loop(run)


def make(name: str, **settings: Any) -> ProxySettings:
    """Return the settings of a proxy on a free port."""
    return ProxySettings(name=name, proxy=Address('127.0.0.1', 0), **settings)
