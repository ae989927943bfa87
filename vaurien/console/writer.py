"""Writing that nobody waits for: bytes go through a bounded queue to a thread, which waits for the descriptor.

A pipe that nobody reads, a full disk or a terminal that was stopped holds up that thread, and nothing else. It is a
thread of the operating system, also where gevent has patched the standard library. So it uses nothing that gevent
replaces: no `threading`, no `queue` and no `logging`, whose locks belong to greenlets then.
"""

from __future__ import annotations

import os
from _queue import Empty, SimpleQueue  # gevent replaces those of `queue`
from _thread import RLock  # not a lock: the handler of a signal may print while it is held
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from weakref import WeakSet

from vaurien.console.patching import get_unpatched

#: The most bytes that wait to be written. What does not fit is dropped, and counted.
MOST = 4 * 1024 * 1024
#: Room for so many bytes is made after something was dropped, before anything is taken: one gap is better than many.
ENOUGH = MOST // 2
#: Bytes that are gathered before they are written.
BATCH = 64 * 1024
#: Seconds between two times that the thread is woken, so that this does not happen for every line of many.
PAUSE = 0.01
#: Seconds until the next attempt to write to a descriptor that does not block and has no room.
RETRY = 0.1
#: Seconds that a command waits at its end until what it has printed is written.
FLUSH_TIMEOUT = 1.0
#: Why lines are lost if writing does not fail.
TOO_SLOW = 'writing took too long'

NEWLINE = 10
#: In place of the number of a process.
NOT_STARTED = 0

#: What the thread is to do between two pieces.
Job = Callable[[], object]


class Lost(NamedTuple):
    """Lines that were lost, and why the last of them was."""

    lines: int = 0
    reason: str = ''


class Writer:
    """Writes to a descriptor, on a thread that begins with the first piece."""

    def __init__(self, descriptor: int, format_notice: Callable[[str], str]) -> None:
        """*format_notice* makes a line of what is to be said about lines that were lost. The thread calls it."""
        self.descriptor = descriptor
        self._format_notice = format_notice
        self._queue: SimpleQueue[bytes | Job] = SimpleQueue()
        #: Cuts a pause of the thread short.
        self._hurry: SimpleQueue[None] = SimpleQueue()
        self._lock = RLock()
        self._room = MOST
        #: How many lines were dropped since the last piece that was taken.
        self._dropped = 0
        #: What could not be written since the last piece that was.
        self._failed = Lost()
        #: How many lines were lost in all, and why the last of them was.
        self.lines_lost = 0
        self.reason = ''
        #: Whether the line that was written last has no end, because the disk was full.
        self._is_torn = False
        #: The process that has the thread. Its children have none, and write by themselves.
        self._process = NOT_STARTED
        _writers.add(self)

    def write(self, data: bytes) -> None:
        """Have *data* written; count it as lost if there is no room for it. This neither waits nor raises anything."""
        if self._process == NOT_STARTED:
            self._start()
        elif self._process != os.getpid():
            self._try_write(data)
            return
        with self._lock:
            if len(data) > self._room or (self._dropped and self._room < ENOUGH):
                self._dropped += self._count(data, TOO_SLOW)
                return
            self._say_dropped()
            self._room -= len(data)
            self._queue.put(data)

    def do(self, job: Job) -> None:
        """Call *job* on the thread, once everything that was given before is written."""
        if self._process == NOT_STARTED:
            self._start()
        with self._lock:
            self._say_dropped()
            self._queue.put(job)
        self._hurry.put(None)

    def say(self, text: str) -> str:
        """Write a notice, and return why it could not be written, if so. This is for jobs."""
        return self._try_write(f'{self._format_notice(text)}\n'.encode(errors='backslashreplace'))[1]

    def flush(self, seconds: float | None = FLUSH_TIMEOUT) -> bool:
        """Wait for so long, or without end, until everything is written; return whether it is."""
        if self._process != os.getpid():
            return True
        done: SimpleQueue[None] = SimpleQueue()
        self.do(lambda: done.put(None))
        try:
            done.get(timeout=seconds)
        except Empty:
            return False
        return True

    def end(self) -> None:
        """End the thread once it has written everything. Nothing may be given to it after that."""
        if self._process != NOT_STARTED:
            self.do(_end_thread)

    def _start(self) -> None:
        with self._lock:
            if self._process == NOT_STARTED:
                self._process = os.getpid()
                get_unpatched('_thread', 'start_new_thread')(self._run, ())

    def _count(self, data: bytes, reason: str) -> int:
        """Count lines that are lost, and return how many these are."""
        lines = max(1, data.count(b'\n'))
        with self._lock:
            self.reason = reason
            self.lines_lost += lines
        return lines

    def _say_dropped(self) -> None:
        """Have a notice written where lines were dropped."""
        if self._dropped:
            self._queue.put(partial(self._say_lost, Lost(self._dropped, TOO_SLOW)))
            self._dropped = 0

    # On the thread

    def _run(self) -> None:
        while True:
            self._write_all(self._queue.get())
            with self._lock:
                self._say_dropped()
            with suppress(Empty):
                self._hurry.get(timeout=PAUSE)

    def _write_all(self, item: bytes | Job | None) -> None:
        """Write *item* and all that is behind it in the queue."""
        batch = bytearray()
        while item is not None:
            if isinstance(item, bytes):
                batch += item
                if len(batch) >= BATCH:
                    self._write_batch(batch)
            else:
                self._write_batch(batch)
                item()
            item = self._take()
        self._write_batch(batch)

    def _take(self) -> bytes | Job | None:
        try:
            return self._queue.get_nowait()
        except Empty:
            return None

    def _write_batch(self, batch: bytearray) -> None:
        """Write *batch* and empty it; there is room for others then."""
        failed, self._failed = self._failed, Lost()
        if failed.lines:
            self._say_lost(failed)
        data = bytes(batch)
        batch.clear()
        rest, reason = self._try_write(data)
        if reason:
            self._failed = Lost(self._failed.lines + self._count(rest, reason), reason)
        with self._lock:
            self._room += len(data)

    def _say_lost(self, lost: Lost) -> None:
        noun = 'line was' if lost.lines == 1 else 'lines were'
        reason = self.say(f'{lost.lines} {noun} lost here: {lost.reason}')
        if reason:
            self._failed = Lost(self._failed.lines + lost.lines, reason)

    def _try_write(self, data: bytes) -> tuple[bytes, str]:
        """Write *data*; return what is left of it, and why."""
        rest = memoryview(data)
        try:
            if self._is_torn and data:
                self._write_some(b'\n')
                self._is_torn = False
            while rest:
                rest = rest[self._write_some(rest) :]
        except OSError as error:
            written = len(data) - len(rest)
            self._is_torn = self._is_torn or (written > 0 and data[written - 1] != NEWLINE)
            return bytes(rest), error.strerror or str(error)
        return b'', ''

    def _write_some(self, data: bytes | memoryview) -> int:
        while True:
            try:
                return os.write(self.descriptor, data)
            except BlockingIOError:  # somebody who shares the descriptor has made it non-blocking
                get_unpatched('time', 'sleep')(RETRY)


def count_lost() -> int:
    """Return how many lines this process could not write: of the log, the journal, the standard output and error."""
    return sum(writer.lines_lost for writer in _writers)


def _end_thread() -> None:
    raise SystemExit  # which ends a thread silently


_writers: WeakSet[Writer] = WeakSet()
