"""The schedule that runs on the proxies of a process: one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from vaurien.clock import go_on
from vaurien.errors import ConfigError, NoScheduleError
from vaurien.plugins.options import did_you_mean
from vaurien.records.status import ScheduleStatus
from vaurien.rules.behaviors import complete_rules
from vaurien.schedule.clock import LoopClock, ScheduleClock
from vaurien.schedule.run import Run
from vaurien.schedule.schedule import Schedule, Step
from vaurien.schedule.scheduled import Scheduled


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

    def start(self, schedule: Schedule, pause: Callable[[], object] = go_on) -> None:
        """Run a schedule from now on; raise `ConfigError` if the proxies cannot have what it says.

        One that still runs is stopped first, and puts back what it has changed. *pause* is called after each step.
        """
        bound = bind(schedule, self._proxies, pause)
        self.stop()
        self._run = Run(bound, self._seed, self._proxies, self._clock)

    def stop(self) -> None:
        """Stop the schedule if one runs; return when it has put back what it has changed."""
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


def bind(schedule: Schedule, proxies: Mapping[str, Scheduled], pause: Callable[[], object] = go_on) -> Schedule:
    """Return the schedule with the name of its proxy in each step, and with the options that are configured there.

    Raise `ConfigError` for a step that its proxy cannot have. *pause* is called after each step.
    """
    steps = []
    for i, step in enumerate(schedule.steps):
        try:
            steps.append(_bind(step, dict(proxies)))
        except ConfigError as error:
            raise error.within(f'steps[{i}]') from None
        pause()
    return msgspec.structs.replace(schedule, steps=tuple(steps))


def _bind(step: Step, proxies: Mapping[str, Scheduled]) -> Step:
    names = list(proxies)
    if step.proxy is None and len(names) > 1:
        raise ConfigError(f'missing, {did_you_mean("", names)}', 'proxy')
    name = step.proxy if step.proxy is not None or not names else names[0]
    if name is None or name not in proxies:
        near = '' if name is None else f' {name!r}, {did_you_mean(name, names)}'
        raise ConfigError(f'there is no proxy{near}', 'proxy')
    fault = step.fault
    if isinstance(fault, tuple):
        try:
            fault = complete_rules(fault, proxies[name].settings.behavior_options)
            for rule in fault:
                rule.arm(proxies[name].protocol)
        except ConfigError as error:
            raise error.within('behavior') from None
    return msgspec.structs.replace(step, proxy=name, fault=fault)
