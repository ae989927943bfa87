"""Ends a process in which nobody can run any more: a call holds the GIL while it waits.

If it waits for a proxy of the same process, it waits for ever, and neither the limit of a run nor Ctrl-C ends that.
"""

from __future__ import annotations

import faulthandler
import os
import threading

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
    """A thread that puts the end of the process off, again and again."""

    def __init__(self, descriptor: int) -> None:
        """Start it. The traceback of all threads is written to *descriptor*, which `close` closes."""
        self._descriptor = descriptor
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name='vaurien-watchdog', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread: the process does not end any more."""
        self._closed.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()
        os.close(self._descriptor)

    def _run(self) -> None:
        while not self._closed.is_set():
            faulthandler.dump_traceback_later(FROZEN, exit=True, file=self._descriptor)
            _wait(self._closed, BEAT)
