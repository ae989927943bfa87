"""One schedule that runs: a greenlet that waits for the next change, makes it, and logs it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import gevent
from gevent.event import Event
from gevent.pool import Group

from vaurien.errors import VaurienError, find_reason
from vaurien.records.origin import ORIGIN
from vaurien.records.status import ScheduleStatus
from vaurien.schedule.change import Change, TimedChange
from vaurien.schedule.clock import ScheduleClock
from vaurien.schedule.effects import Effects
from vaurien.schedule.schedule import Schedule
from vaurien.schedule.scheduled import Scheduled
from vaurien.schedule.timeline import DIGITS, Timeline

logger = logging.getLogger(__name__)


class Run:
    """Runs a schedule whose steps have their proxies, from its making to its end."""

    def __init__(
        self,
        schedule: Schedule,
        seed: int,
        proxies: Mapping[str, Scheduled],
        clock: ScheduleClock,
        tell: Callable[[str], object],
    ) -> None:
        """Begin. The changes of the start are made in the next turn of the event loop.

        *tell* is told of its start, of marks, and of its end.
        """
        self.schedule = schedule
        self._tell = tell
        self._timeline = Timeline(schedule, seed)
        self._effects = Effects(proxies)
        self._clock = clock
        self._began = clock.now()
        #: The marks that were set, with their seconds, and which of them the timeline does not know yet.
        self._marks: dict[str, float] = {}
        self._new_marks: deque[tuple[str | None, float]] = deque([(None, 0.0)])
        self._changes = self._failures = 0
        #: Why the last change of a proxy's behavior, toxic and so on failed: the same reason is logged once.
        self._reasons: dict[tuple[str, str], str] = {}
        self._status: Literal['running', 'stopped', 'ended'] = 'running'
        self._is_stopping = False
        #: How long it has run, once it is over.
        self._lasted: float | None = None
        self._woken = Event()
        self._greenlets = Group()
        self._greenlets.spawn(self._run)

    @property
    def is_running(self) -> bool:
        """Whether it goes on, or still puts back what it has changed."""
        return self._status == 'running'

    @property
    def seconds(self) -> float:
        """The seconds from its start until now or its end, with as many digits as those of the timeline have."""
        return round(self._clock.now() - self._began, DIGITS) if self._lasted is None else self._lasted

    def mark(self, name: str) -> None:
        """Have the steps after that mark begin now."""
        self._tell(f'mark {name}')
        self._marks[name] = self.seconds
        self._new_marks.append((name, self.seconds))
        self._woken.set()

    def request_stop(self) -> None:
        """Have it put back all that it has changed, and end then."""
        self._is_stopping = True
        self._woken.set()

    def stop(self) -> None:
        """End it, and return when all that it has changed is put back. Blocks the calling greenlet."""
        self.request_stop()
        self._greenlets.join()

    def abandon(self) -> None:
        """End it, and leave everything as it is; do nothing if it is over."""
        if self.is_running:
            self._greenlets.kill(block=False)
            self._end('stopped')

    def status(self) -> ScheduleStatus:
        """Return how far it has come."""
        coming = self._timeline.next if self.is_running else None
        return {
            'status': self._status,
            'seconds': round(self.seconds, 3),
            'active': self._timeline.active if self.is_running else [],
            'next': coming and {'seconds': coming[0], 'step': coming[1], 'change': str(coming[2])},
            'marks': {name: round(seconds, 3) for name, seconds in self._marks.items()},
            'changes': self._changes,
            'failures': self._failures,
        }

    def _run(self) -> None:
        ORIGIN.set('schedule')
        logger.info('schedule: started, steps: %d', len(self.schedule.steps))
        self._tell('started')
        while True:
            self._catch_up()
            if self._is_stopping or self._timeline.is_over:
                break
            due = self._timeline.due
            self._clock.wait(self._woken, None if due is None else due - self.seconds)
            self._woken.clear()
        for change in self._effects.list_unfinished():
            self._apply(self.seconds, change)
        self._end('stopped' if self._is_stopping else 'ended')
        logger.info('schedule: %s after %.3f s', self._status, self.seconds)

    def _end(self, status: Literal['stopped', 'ended']) -> None:
        self._lasted, self._status = self.seconds, status
        self._tell(status)

    def _catch_up(self) -> None:
        """Make the changes that are due."""
        while self._new_marks and not self._is_stopping:
            name, seconds = self._new_marks.popleft()
            self._advance(seconds)
            self._make(self._timeline.mark(name, seconds))
        self._advance(self.seconds)

    def _advance(self, seconds: float) -> None:
        """Make the changes up to that time, one moment after the other, as long as nobody stops it."""
        while not self._is_stopping and (due := self._timeline.due) is not None and due <= seconds:
            self._make(self._timeline.advance(due))
            gevent.sleep(0)  # a moment without a change takes time, too

    def _make(self, changes: Iterable[TimedChange]) -> None:
        """Make changes one after the other, as long as nobody stops it; other greenlets go on between two of them."""
        for change in changes:
            if self._is_stopping:
                return
            self._apply(*change)
            gevent.sleep(0)

    def _apply(self, seconds: float, change: Change) -> None:
        """Make a change, and log it. One that fails is a line in the log, and no more."""
        place = (change.proxy, change.slot)
        self._changes += 1
        try:
            is_done = self._effects.apply(change)
        except Exception as error:  # a plug-in may raise anything
            self._failures += 1
            reason = str(error) if isinstance(error, VaurienError) else find_reason(error)
            if self._reasons.get(place) != reason:
                logger.warning('schedule: %.3f s: %s: failed: %s', seconds, change, reason)
            self._reasons[place] = reason
        else:
            self._reasons.pop(place, None)
            told = '' if is_done else ': left alone, for it was changed meanwhile'
            logger.info('schedule: %.3f s: %s%s', seconds, change, told)
