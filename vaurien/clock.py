"""Waits and alarms that are exact to a fraction of a millisecond.

The event loop's own timers are as coarse as its ``epoll_wait``, whose timeout counts whole milliseconds: a wait is late
by half a millisecond on average. The kernel's ``timerfd`` is a descriptor that becomes readable with the precision of a
high-resolution timer (timerfd_create(2)). So each event loop watches one such descriptor, set to the earliest alarm.
"""

from __future__ import annotations

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


def no_pause() -> None:
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


class KernelTimer:
    """A descriptor that is readable after some seconds, to a fraction of a millisecond; then it makes a call."""

    def __init__(self, loop: Any, call: Callable[[], None], descriptor: int) -> None:
        self.descriptor = descriptor
        #: Has it no longer be readable; raises `BlockingIOError` if it was set again after it fired.
        self.drain: Callable[[], object] = partial(os.read, descriptor, 8)
        self._watcher = loop.io(descriptor, READ)
        self._watcher.start(call)

    def close(self) -> None:
        """Make no call any more."""
        self._watcher.stop()
        self._watcher.close()
        os.close(self.descriptor)

    def leave_to_parent(self) -> None:
        """Close this process's copy of the descriptor."""
        os.close(self.descriptor)


if sys.version_info >= (3, 13) and hasattr(os, 'timerfd_create'):

    class Timer(KernelTimer):
        """A timer of the kernel, as Python has them."""

        def __init__(self, loop: Any, call: Callable[[], None]) -> None:
            flags = os.TFD_NONBLOCK | os.TFD_CLOEXEC
            super().__init__(loop, call, os.timerfd_create(time.CLOCK_MONOTONIC, flags=flags))

        def set(self, seconds: float) -> None:
            """Make the call then, and not when it was to be made before."""
            os.timerfd_settime(self.descriptor, initial=min(max(seconds, SHORTEST), LONGEST))

elif sys.platform == 'linux':

    class Timer(KernelTimer):
        """A timer of the kernel, as its library has them."""

        def __init__(self, loop: Any, call: Callable[[], None]) -> None:
            import ctypes  # late: commands without an event loop use other parts of this module

            libc = ctypes.CDLL(None, use_errno=True)
            descriptor = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if descriptor < 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            super().__init__(loop, call, descriptor)
            self._set_time = libc.timerfd_settime
            #: A ``struct itimerspec`` (timerfd_settime(2)): seconds and nanoseconds of the interval, and of the value.
            self._times = (ctypes.c_long * 4)()

        def set(self, seconds: float) -> None:
            """Make the call then, and not when it was to be made before."""
            whole, fraction = divmod(min(max(seconds, SHORTEST), LONGEST), 1)
            self._times[2], self._times[3] = int(whole), int(fraction * 1e9)
            self._set_time(self.descriptor, 0, self._times, None)

else:

    class Timer:
        """A timer of the event loop, up to a millisecond late, where the kernel has none."""

        #: There is nothing to drain.
        drain: Callable[[], object] = bool

        def __init__(self, loop: Any, call: Callable[[], None]) -> None:
            self._loop = loop
            self._call = call
            self._watcher: Any = None

        def set(self, seconds: float) -> None:
            """Make the call then, and not when it was to be made before."""
            self.close()
            self._watcher = self._loop.timer(max(seconds, 0.0))
            self._watcher.start(self._call)

        def close(self) -> None:
            """Make no call any more."""
            if self._watcher is not None:
                self._watcher.stop()
                self._watcher.close()
                self._watcher = None

        def leave_to_parent(self) -> None:
            """Do nothing: the process has no descriptor of it."""


class Clock:
    """The waits and alarms of one event loop. Only greenlets and callbacks of that loop may use it."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._timer = Timer(loop, self._on_due)
        #: A heap of deadline, serial number and alarm. The number keeps alarms of the same deadline in their order.
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._numbers = count()
        self._purge_at = MIN_PURGE
        #: Whether alarms ring: the timer is set when all that are due have.
        self._is_ringing = False
        self._is_open = True

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
        if self._alarms[0] is entry and not self._is_ringing:
            self._timer.set(deadline - time.monotonic())
        return alarm

    def close(self) -> None:
        """Close the timer. Alarms that are left never ring, and no new ones may be set."""
        self._alarms.clear()  # an alarm may close the clock: `_on_due` must not set the timer for the ones after it
        self._is_open = False
        self._timer.close()

    def leave_to_parent(self) -> None:
        """Close what this process has a copy of, for it is a child of a fork."""
        self._timer.leave_to_parent()

    def _on_due(self) -> None:
        now = last = time.monotonic()
        self._is_ringing = True
        while self._alarms and self._alarms[0][0] <= now and last < now + TURN:
            alarm = heappop(self._alarms)[2]
            try:
                alarm.ring()
            except BaseException:  # the event loop would call no more, and every other alarm be lost
                self._loop.handle_error(alarm, *sys.exc_info())
            last = time.monotonic()
        self._is_ringing = False
        if self._alarms:
            self._timer.set(self._alarms[0][0] - time.monotonic())  # whereby it is no longer readable
        elif self._is_open:
            with suppress(BlockingIOError):
                self._timer.drain()

    def _purge(self) -> None:
        self._alarms = [entry for entry in self._alarms if not entry[2].is_cancelled]
        heapify(self._alarms)
        self._purge_at = max(MIN_PURGE, 2 * len(self._alarms))
