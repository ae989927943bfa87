"""Waits that end on time.

The event loop's own timers are as coarse as its ``epoll_wait``: a millisecond, of which a wait is late by half on
average. A ``timerfd`` is a descriptor that becomes readable to the microsecond, so one of those, watched by the loop,
serves every wait of it.
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

from gevent.hub import Waiter

READ = 1

#: The timer is set for so many seconds at most, and then again: no kernel counts up to every float.
LONGEST = 86400.0

#: So many alarms may lie there before those that were cancelled are looked for.
FEW = 64


class Alarm:
    """A call that is due at a time, unless it is cancelled."""

    __slots__ = ('_call', 'due')

    def __init__(self, due: float, call: Callable[[], object]) -> None:
        #: On the monotonic clock, in seconds.
        self.due = due
        self._call: Callable[[], object] | None = call

    @property
    def is_cancelled(self) -> bool:
        """Whether nothing will be called any more."""
        return self._call is None

    def ring(self) -> None:
        """Make the call."""
        call, self._call = self._call, None
        if call is not None:
            call()

    def cancel(self) -> None:
        """Never make it."""
        self._call = None


class Clock:
    """The waits and alarms of one event loop."""

    def __init__(self, loop: Any) -> None:
        self._descriptor = _create()
        self._watcher = loop.io(self._descriptor, READ)
        self._watcher.start(self._on_due)
        #: When it is due, a number that breaks ties, the alarm.
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._numbers = count()
        self._most = FEW

    def sleep(self, seconds: float) -> None:
        """Let the calling greenlet wait, and nobody else."""
        waiter: Waiter[None] = Waiter()
        alarm = self.call_at(time.monotonic() + seconds, partial(waiter.switch, None))
        try:
            waiter.get()
        finally:
            alarm.cancel()

    def call_at(self, due: float, call: Callable[[], object]) -> Alarm:
        """Make a call, which must not block nor raise, in the event loop at that time of the monotonic clock."""
        if len(self._alarms) >= self._most:
            self._forget_cancelled()
        alarm = Alarm(due, call)
        entry = (due, next(self._numbers), alarm)
        heappush(self._alarms, entry)
        if self._alarms[0] is entry:
            self._set(due - time.monotonic())
        return alarm

    def close(self) -> None:
        """Let the descriptor go. Nobody may wait any more."""
        self._alarms.clear()  # who closes may have been woken by one: the timer is not to be set for the others
        self._watcher.stop()
        self._watcher.close()
        os.close(self._descriptor)

    def _on_due(self) -> None:
        with suppress(BlockingIOError):  # set anew since it became readable
            os.read(self._descriptor, 8)
        now = time.monotonic()
        while self._alarms and self._alarms[0][0] <= now:
            heappop(self._alarms)[2].ring()
        if self._alarms:
            self._set(self._alarms[0][0] - time.monotonic())

    def _forget_cancelled(self) -> None:
        self._alarms = [entry for entry in self._alarms if not entry[2].is_cancelled]
        heapify(self._alarms)
        self._most = max(FEW, 2 * len(self._alarms))

    def _set(self, seconds: float) -> None:
        _set(self._descriptor, min(max(seconds, 1e-9), LONGEST))  # zero would disarm it


if sys.version_info >= (3, 13):

    def _create() -> int:
        return os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

    def _set(descriptor: int, seconds: float) -> None:
        os.timerfd_settime(descriptor, initial=seconds)

else:
    _libc = ctypes.CDLL(None, use_errno=True)

    class _Timer(ctypes.Structure):
        """``struct itimerspec`` of timerfd_settime(2)."""

        _fields_ = [(name, ctypes.c_long) for name in ('interval_s', 'interval_ns', 'value_s', 'value_ns')]

    def _create() -> int:
        descriptor = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return int(descriptor)

    def _set(descriptor: int, seconds: float) -> None:
        whole, fraction = divmod(seconds, 1)
        _libc.timerfd_settime(descriptor, 0, ctypes.byref(_Timer(0, 0, int(whole), int(fraction * 1e9))), None)
