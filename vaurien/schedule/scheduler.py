"""The schedule that runs on the proxies of a process: one at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec

from vaurien.clock import no_pause
from vaurien.errors import ConfigError, NoScheduleError
from vaurien.plugins.options import did_you_mean
from vaurien.records.status import ScheduleStatus
from vaurien.rules.behaviors import complete_rules
from vaurien.schedule.clock import LoopClock, ScheduleClock
from vaurien.schedule.run import Run
from vaurien.schedule.schedule import Schedule, Step
from vaurien.schedule.scheduled import Scheduled

logger = logging.getLogger(__name__)


class Scheduler:
    """Runs a schedule on *proxies*, in the thread and on the event loop where they are."""

    def __init__(
        self, proxies: Mapping[str, Scheduled], seed: int | None = None, clock: ScheduleClock | None = None
    ) -> None:
        """*seed* is for schedules that have none of their own."""
        self._proxies = proxies
        self._seed = seed or 0
        self._clock = clock or LoopClock()
        self._run: Run | None = None
        #: Who is told that a schedule starts, that a mark is set, and that it ends.
        self.observers: list[Callable[[str], object]] = []

    def _tell(self, text: str) -> None:
        for tell in self.observers:
            tell(text)

    def check(self, schedule: Schedule, pause: Callable[[], object] = no_pause, *, is_early: bool = False) -> Schedule:
        """Return the schedule as `start` would run it; raise `ConfigError` if the proxies cannot have what it says."""
        return bind(schedule, self._proxies, pause, is_early=is_early)

    def start(self, schedule: Schedule, pause: Callable[[], object] = no_pause, *, is_early: bool = False) -> None:
        """Run a schedule from now on; raise `ConfigError` if the proxies cannot have what it says.

        One that still runs is stopped first, and puts back what it has changed. *pause* is called after each step. If
        it *is_early*, proxies may still come.
        """
        bound = self.check(schedule, pause, is_early=is_early)
        self.stop()
        missing = [name for step in bound.steps if (name := step.proxy) is not None and name not in self._proxies]
        for name in dict.fromkeys(missing):
            logger.warning('schedule: there is no proxy %r yet', name)
        self._run = Run(bound, self._seed, self._proxies, self._clock, self._tell)

    def request_stop(self) -> bool:
        """Have the schedule put back what it has changed, and end then; return whether it still has to."""
        if self._run is None or not self._run.is_running:
            return False
        self._run.request_stop()
        return True

    def stop(self) -> None:
        """Stop the schedule if one runs; return when it has put back what it has changed. Blocks the greenlet."""
        while self._run is not None and self._run.is_running:  # and the one that was started meanwhile
            self._run.stop()

    def abandon(self) -> None:
        """Stop the schedule, and leave the proxies as they are: they end, too."""
        if self._run is not None:
            self._run.abandon()

    def mark(self, name: str) -> None:
        """Have the steps after that mark begin now; raise `NoScheduleError` or `ConfigError` if there are none."""
        if self._run is None or not self._run.is_running:
            raise NoScheduleError('no schedule runs')
        marks = self._run.schedule.marks
        if name not in marks:
            raise ConfigError(f'no step is after {name!r}, {did_you_mean(name, marks)}', 'name')
        self._run.mark(name)

    def status(self) -> ScheduleStatus:
        """Return how far the schedule has come that runs, or that has run last."""
        if self._run is not None:
            return self._run.status()
        return {
            'status': 'none',
            'seconds': 0.0,
            'active': [],
            'next': None,
            'marks': {},
            'changes': 0,
            'failures': 0,
        }


def bind(
    schedule: Schedule,
    proxies: Mapping[str, Scheduled],
    pause: Callable[[], object] = no_pause,
    *,
    is_early: bool = False,
) -> Schedule:
    """Return the schedule with the name of its proxy in each step, and with the options that are configured there.

    Raise `ConfigError` for a step that its proxy cannot have, and, unless it *is_early*, for one without a proxy.
    *pause* is called after each step.
    """
    steps = []
    for i, step in enumerate(schedule.steps):
        try:
            name = step.proxy or _find_only(list(proxies))
            if name in proxies:
                step = _complete(step, proxies[name])
            elif not is_early:
                raise ConfigError(f'there is no proxy {name!r}, {did_you_mean(name, list(proxies))}', 'proxy')
        except ConfigError as error:
            raise error.within(f'steps[{i}]') from None
        steps.append(msgspec.structs.replace(step, proxy=name))
        pause()
    return msgspec.structs.replace(schedule, steps=tuple(steps))


def _find_only(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise ConfigError(f'missing: there are {", ".join(names)}' if names else 'there is no proxy', 'proxy')
    return names[0]


def _complete(step: Step, proxy: Scheduled) -> Step:
    if not isinstance(step.fault, tuple):
        return step
    try:
        fault = complete_rules(step.fault, proxy.settings.behavior_options)
        proxy.check_rules(fault)
    except ConfigError as error:
        raise error.within('behavior') from None
    return msgspec.structs.replace(step, fault=fault)
