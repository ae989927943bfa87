"""Ends a process in which nobody can run any more: a call holds the GIL while it waits.

If it waits for a proxy of the same process, it waits for ever, and neither the limit of a run nor Ctrl-C ends that.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from types import FrameType

#: After how many seconds in which nobody could run the process ends, and how often somebody shows that he can.
FROZEN, BEAT = 60.0, 5.0

#: What the traceback of all threads has in place of the name of a file. It is all that can say why the process ends:
#: nobody can run then.
REASON = (
    'vaurien ends pytest: for a minute, no thread could run. A call, perhaps of a driver, holds the GIL while it '
    'waits: see "A run" in docs/explore-pytest.md'
)
_wait = eval(compile('lambda event, seconds: event.wait(seconds)', REASON, 'eval'))


class Watchdog:
    """A thread that puts the end of the process off, again and again.

    While Ctrl-Z suspends the process there is no end to put off: that would come before the thread, once it goes on.
    """

    def __init__(self, descriptor: int) -> None:
        """Start it. The traceback of all threads is written to *descriptor*, which `close` closes."""
        self._descriptor = descriptor
        self._closed = threading.Event()
        #: Held while the end is put off, and as long as the process is suspended.
        self._busy = threading.RLock()  # a second signal may come while the first one is handled
        self._process = os.getpid()
        is_main = threading.current_thread() is threading.main_thread()
        self._is_told = is_main and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
        if self._is_told:
            signal.signal(signal.SIGTSTP, self._suspend)
        self._thread = threading.Thread(target=self._run, name='vaurien-watchdog', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread: the process does not end any more."""
        if self._is_told and signal.getsignal(signal.SIGTSTP) == self._suspend:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._closed.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()
        os.close(self._descriptor)

    def _run(self) -> None:
        while not self._closed.is_set():
            with self._busy:
                self._put_off()
            _wait(self._closed, BEAT)

    def _put_off(self) -> None:
        faulthandler.dump_traceback_later(FROZEN, exit=True, file=self._descriptor)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != self._process:  # it is a fork, which has neither the thread nor an end
            signal.raise_signal(number)
            return
        with self._busy:
            faulthandler.cancel_dump_traceback_later()
            signal.raise_signal(number)  # from here it goes on, sooner or later
            self._put_off()
        signal.signal(number, self._suspend)
