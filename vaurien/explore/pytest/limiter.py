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


class Phase:
    """One phase of a test: its set-up, its call or its teardown."""

    def __init__(self, seconds: float) -> None:
        #: When the next step is taken.
        self.deadline = monotonic() + seconds
        #: How many steps were taken.
        self.steps = 0


class Limiter:
    """Watches over the phases of a test, one after the other.

    At its limit, a phase is ended by steps, until one of them does it. First comes what it is given, such as to inject
    no more, which ends retries without end, and to cut connections, which ends the wait for a reply. Then it raises
    `OverdueError` in the main thread, again and again, which ends ``sleep(60)``.
    """

    def __init__(self, steps: Sequence[Callable[[], object]]) -> None:
        """*steps* are called in a thread of their own."""
        self._steps = steps
        self._phase: Phase | None = None
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._replaced: Any = None

    @contextmanager
    def watch(self, seconds: float) -> Iterator[Phase]:
        """Give a block so many *seconds*."""
        if self._thread is None:
            self._start()
        phase = self._phase = Phase(seconds)
        self._woken.set()
        try:
            yield phase
        finally:
            self._phase = None

    def close(self) -> None:
        """Give the signal back."""
        if self._replaced is not None:
            signal.signal(SIGNAL, self._replaced)

    def _start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._replaced = signal.signal(SIGNAL, self._on_signal)
        self._thread = threading.Thread(target=self._run, name='vaurien-limiter', daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            phase = self._phase
            rest = None if phase is None else phase.deadline - monotonic()
            if phase is not None and rest is not None and rest <= 0:
                self._take_step(phase)
            else:
                self._woken.wait(rest)
                self._woken.clear()

    def _take_step(self, phase: Phase) -> None:
        phase.steps += 1
        phase.deadline = monotonic() + STEP
        if phase.steps <= len(self._steps):
            self._steps[phase.steps - 1]()
        elif self._replaced is not None:
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, SIGNAL)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._phase is not None and self._phase.steps > len(self._steps):
            raise OverdueError('it takes too long')
