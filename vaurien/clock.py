"""Waits and alarms that are exact to a fraction of a millisecond.

The event loop's own timers are as coarse as its ``epoll_wait``, whose timeout counts whole milliseconds: a wait is late
by half a millisecond on average. The kernel's ``timerfd`` is a descriptor that becomes readable with the precision of a
high-resolution timer (timerfd_create(2)). So each event loop watches one such descriptor, set to the earliest alarm.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

READ = 1

#: The longest time that the timer is set for, in seconds. A longer wait sets it again each time it fires: the kernel
#: does not accept every number of seconds that a float can hold.
LONGEST = 86400.0

#: And for so many seconds at least: zero would disarm it (timerfd_settime(2)).
SHORTEST = 1e-9

#: Seconds of each turn of the event loop that go to one kind of work, such as alarms. What else is due has to wait.
TURN = 0.001

#: Cancelled alarms are purged when the heap holds more than twice the alarms that the last purge left, but not below
#: this size. So a purge costs little for each alarm, and the heap stays in proportion to the alarms that are set.
MIN_PURGE = 64


def go_on() -> None:
    """Do nothing where a pause could be made: nobody else has to wait."""


class Alarm:
    """A call that is made at a given time, unless it is cancelled before."""

    __slots__ = ('_call', 'deadline')

    def __init__(self, deadline: float, call: Callable[[], object]) -> None:
        #: Seconds on the clock of `time.monotonic`.
        self.deadline = deadline
        self._call: Callable[[], object] | None = call

    @property
    def is_cancelled(self) -> bool:
        """Whether the call was made or cancelled."""
        return self._call is None

    def ring(self) -> None:
        """Make the call, unless it was made or cancelled before."""
        call, self._call = self._call, None
        if call is not None:
            call()

    def cancel(self) -> None:
        """Give the call up; do nothing if it was made."""
        self._call = None


class Clock:
    """The waits and alarms of one event loop. Only greenlets and callbacks of that loop may use it."""

    def __init__(self, loop: Any) -> None:
        self._descriptor = _create()
        self._watcher = loop.io(self._descriptor, READ)
        self._watcher.start(self._on_due)
        #: A heap of deadline, serial number and alarm. The number keeps alarms of the same deadline in their order.
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._numbers = count()
        self._purge_at = MIN_PURGE

    def sleep(self, seconds: float) -> None:
        """Suspend the calling greenlet, while all others go on."""
        from gevent.hub import Waiter  # late: commands without an event loop use other parts of this module

        waiter: Waiter[None] = Waiter()
        alarm = self.call_at(time.monotonic() + seconds, partial(waiter.switch, None))
        try:
            waiter.get()
        except BaseException:  # the greenlet is killed
            alarm.cancel()
            raise

    def call_at(self, deadline: float, call: Callable[[], object]) -> Alarm:
        """Have *call* called by the event loop at *deadline*, in seconds of `time.monotonic`.

        The call must neither block nor raise. A deadline that has passed means the next turn of the loop.
        """
        if len(self._alarms) >= self._purge_at:
            self._purge()
        alarm = Alarm(deadline, call)
        entry = (deadline, next(self._numbers), alarm)
        heappush(self._alarms, entry)
        if self._alarms[0] is entry:
            _set(self._descriptor, deadline - time.monotonic())
        return alarm

    def close(self) -> None:
        """Close the descriptor. Alarms that are left never ring, and no new ones may be set."""
        self._alarms.clear()  # an alarm may close the clock: `_on_due` must not set the timer for the ones after it
        self._watcher.stop()
        self._watcher.close()
        os.close(self._descriptor)

    def leave_to_parent(self) -> None:
        """Close this process's copy of the descriptor, for it is a child of a fork."""
        os.close(self._descriptor)

    def _on_due(self) -> None:
        with suppress(BlockingIOError):  # the timer was set again after it fired
            os.read(self._descriptor, 8)
        now = last = time.monotonic()
        while self._alarms and self._alarms[0][0] <= now and last < now + TURN:
            heappop(self._alarms)[2].ring()
            last = time.monotonic()
        if self._alarms:
            _set(self._descriptor, self._alarms[0][0] - time.monotonic())

    def _purge(self) -> None:
        self._alarms = [entry for entry in self._alarms if not entry[2].is_cancelled]
        heapify(self._alarms)
        self._purge_at = max(MIN_PURGE, 2 * len(self._alarms))


if sys.version_info >= (3, 13):

    def _create() -> int:
        return os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

    def _set(descriptor: int, seconds: float) -> None:
        os.timerfd_settime(descriptor, initial=min(max(seconds, SHORTEST), LONGEST))

else:
    _libc = ctypes.CDLL(None, use_errno=True)

    class _Timer(ctypes.Structure):
        """The ``struct itimerspec`` of timerfd_settime(2)."""

        _fields_ = [(name, ctypes.c_long) for name in ('interval_s', 'interval_ns', 'value_s', 'value_ns')]

    def _create() -> int:
        descriptor = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return int(descriptor)

    def _set(descriptor: int, seconds: float) -> None:
        whole, fraction = divmod(min(max(seconds, SHORTEST), LONGEST), 1)
        _libc.timerfd_settime(descriptor, 0, ctypes.byref(_Timer(0, 0, int(whole), int(fraction * 1e9))), None)
