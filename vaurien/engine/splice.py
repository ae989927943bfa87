"""Long plain transfers, moved inside the kernel: socket to pipe to socket, no byte of it in user space."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaurien.engine.stream import Stream

#: Bytes a pipe is asked to hold: the most an unprivileged process may ask for (/proc/sys/fs/pipe-max-size).
PIPE_SIZE = 1024 * 1024

#: After so many pulls of less than `SMALL` bytes in a row the transfer is no longer long.
SMALL_RUN = 16
SMALL = 16 * 1024

_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class Splice:
    """Takes a stream's reading over, until its chunks get small again or `leave` is called."""

    __slots__ = ('inside', 'leaving', 'pushing', 'read_end', 'small', 'stream', 'write_end')

    def __init__(self, stream: Stream, read_end: int, write_end: int) -> None:
        self.stream = stream
        self.read_end = read_end
        self.write_end = write_end
        #: Bytes in the pipe.
        self.inside = 0
        self.small = 0
        self.leaving = False
        #: The sink is full: waiting for it to be writable.
        self.pushing = False

    @classmethod
    def begin(cls, stream: Stream) -> Splice | None:
        """Take *stream* over; None when the process has no descriptors left for a pipe."""
        try:
            read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with suppress(OSError):  # the user's quota of pipe pages is used up: the default size works too
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        splice = cls(stream, read_end, write_end)
        stream.reader.stop()
        stream.reader.start(splice._pull)
        return splice

    def close(self) -> None:
        """Let the pipe go."""
        os.close(self.read_end)
        os.close(self.write_end)

    def leave(self) -> None:
        """Give the stream back as soon as the pipe is empty."""
        self.leaving = True
        if not self.inside:
            self._give_back()

    def _give_back(self) -> None:
        self.stream.reader.stop()
        if self.pushing:
            self.stream.writer.stop()
        self.close()
        self.stream.resume_plain()

    def _pull(self) -> None:
        stream = self.stream
        try:
            count = os.splice(stream.source.fileno(), self.write_end, PIPE_SIZE, flags=_FLAGS)
        except BlockingIOError:
            return
        except OSError:
            stream.link.on_reset(stream.source)
            return
        if not count:
            self._give_back()
            return
        stream.received += count
        stream.chunks += 1
        self.inside = count
        self.small = self.small + 1 if count < SMALL else 0
        self.leaving = self.leaving or self.small >= SMALL_RUN
        self._push()

    def _push(self) -> None:
        stream = self.stream
        try:
            self.inside -= os.splice(self.read_end, stream.sink.fileno(), self.inside, flags=_FLAGS)
        except BlockingIOError:
            pass
        except OSError:
            stream.link.on_reset(stream.sink)
            return
        if self.inside:
            stream.reader.stop()
            stream.await_writable(self._push)
            self.pushing = True
        elif self.leaving:
            self._give_back()
        elif self.pushing:
            self.pushing = False
            stream.writer.stop()
            stream.reader.start(self._pull)
