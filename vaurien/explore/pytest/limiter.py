"""Ends a test that takes too long, without ending pytest."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

from vaurien.errors import OverdueError

#: A signal of which nobody makes use: applications and other plug-ins may need the usual ones.
SIGNAL = signal.SIGRTMIN + 7
#: Seconds between one step and the next.
STEP = 0.15
#: The longest wait, in seconds, and so the most between two looks at a phase that counts as time of it: the process may
#: be suspended meanwhile.
BEAT = 0.25


class Phase:
    """One phase of a test: its set-up, its call or its teardown."""

    def __init__(self, seconds: float, *, is_shown: bool = False) -> None:
        self.seconds = seconds
        #: When somebody has looked at it last, and when the next step is taken.
        self.seen = monotonic()
        self.deadline = self.seen + seconds
        #: Whether it is given as long as it takes.
        self.is_paused = False
        #: How many steps were taken.
        self.steps = 0
        #: Whether somebody wants to see where it waits.
        self.is_shown = is_shown
        #: Whether it is interrupted, from now on.
        self.is_interrupted = False

    def pause(self) -> None:
        """Give it as long as it takes: somebody looks at it."""
        self.is_paused = True


class Limiter:
    """Watches over the phases of a test, one after the other.

    At its limit, a phase is ended by steps, until one of them does it. First comes what it is given, such as to inject
    no more, which ends retries without end, and to cut connections, which ends the wait for a reply. Then it raises
    `OverdueError` in the main thread, again and again, which ends ``sleep(60)``. If somebody wants to see where the
    phase waits, that comes first, too: the traceback shows it.
    """

    def __init__(self, steps: Sequence[Callable[[], object]]) -> None:
        """*steps* are called in a thread of their own."""
        self._steps = steps
        self._phase: Phase | None = None
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._replaced: Any = None
        self._is_closed = False

    @contextmanager
    def watch(self, seconds: float, *, is_shown: bool = False) -> Iterator[Phase]:
        """Give a block so many *seconds*. *is_shown*: somebody wants to see where it waits."""
        if self._thread is None:
            self._start()
        phase = self._phase = Phase(seconds, is_shown=is_shown)
        self._woken.set()
        try:
            yield phase
        finally:
            self._phase = None

    def close(self) -> None:
        """Give the signal back, and end the thread."""
        self._is_closed = True
        self._woken.set()
        if self._replaced is not None:
            signal.signal(SIGNAL, self._replaced)

    def _start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._replaced = signal.signal(SIGNAL, self._on_signal)
        self._thread = threading.Thread(target=self._run, name='vaurien-limiter', daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_closed:
            phase = self._phase
            if phase is None or phase.is_paused:
                self._woken.wait()
            elif (left := self._look(phase)) <= 0:
                self._take_step(phase)
            else:
                self._woken.wait(min(left, BEAT))
            self._woken.clear()

    def _look(self, phase: Phase) -> float:
        """Return how many seconds are left until the next step."""
        now = monotonic()
        phase.deadline += max(0.0, now - phase.seen - BEAT)
        phase.seen = now
        return phase.deadline - now

    def _take_step(self, phase: Phase) -> None:
        phase.steps += 1
        phase.deadline = monotonic() + STEP
        number = phase.steps - phase.is_shown
        if 0 < number <= len(self._steps):
            self._steps[number - 1]()
        elif self._replaced is not None:
            phase.is_interrupted = True
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, SIGNAL)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        if self._phase is not None and self._phase.is_interrupted:
            raise OverdueError(f'no end within {self._phase.seconds:.1f} s')
