"""Long plain transfers, moved inside the kernel: socket to pipe to socket, no byte of it in user space."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from vaurien.engine.reserve import DESCRIPTORS
from vaurien.engine.tls_socket import Connection

#: Bytes a pipe is asked to hold: the most an unprivileged process may ask for (/proc/sys/fs/pipe-max-size).
PIPE_SIZE = 1024 * 1024

#: After so many pulls of less than `SMALL` bytes in a row the transfer is no longer long.
SMALL_RUN = 16
SMALL = 16 * 1024

#: Whether this system can do it at all. Without, streams read and send.
CAN_SPLICE = hasattr(os, 'splice')
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK if CAN_SPLICE else 0


class SplicedStream(Protocol):
    """The part of a stream that its splice needs."""

    @property
    def source(self) -> Connection:
        """The socket that is read."""

    @property
    def sink(self) -> Connection:
        """The socket that is written to."""

    @property
    def reader(self) -> Any:
        """The watcher of the event loop for the source."""

    def await_writable(self, callback: Callable[[], None]) -> None:
        """Call back whenever the sink is writable."""

    def stop_writing(self) -> None:
        """Call back no more."""

    def count_received(self, count: int) -> None:
        """Count a chunk of so many bytes that was read from the source."""

    def on_broken(self, sock: Connection) -> None:
        """Handle that the connection of the source or the sink is broken."""

    def on_splice_over(self) -> None:
        """Read again without a splice."""


class Splice:
    """Reads for a stream, until its chunks get small again or `leave` is called."""

    __slots__ = ('_leaving', '_read_end', '_small', '_stream', '_write_end', 'inside', 'pushing')

    def __init__(self, stream: SplicedStream, read_end: int, write_end: int) -> None:
        self._stream = stream
        self._read_end = read_end
        self._write_end = write_end
        #: Bytes in the pipe.
        self.inside = 0
        #: How many small pulls there were in a row.
        self._small = 0
        self._leaving = False
        #: Whether the sink is full, and is watched until it is writable.
        self.pushing = False

    @classmethod
    def begin(cls, stream: SplicedStream) -> Splice | None:
        """Begin to read for *stream*; return None if the system cannot, or has no descriptors left for a pipe."""
        if not CAN_SPLICE:
            return None
        try:
            read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        if DESCRIPTORS.is_reserved(max(read_end, write_end)):
            os.close(read_end)
            os.close(write_end)
            return None
        with suppress(OSError):  # the user's quota of pipe pages is used up: the default size works too
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        splice = cls(stream, read_end, write_end)
        stream.reader.stop()
        stream.reader.start(splice._pull)
        return splice

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read_end)
        os.close(self._write_end)

    def empty(self) -> bytes:
        """Return what is in the pipe, and close it."""
        inside = os.read(self._read_end, self.inside) if self.inside else b''
        self.close()
        return inside

    def leave(self) -> None:
        """Let the stream read for itself again as soon as the pipe is empty."""
        self._leaving = True
        if not self.inside:
            self._give_back()

    def _give_back(self) -> None:
        self._stream.reader.stop()
        if self.pushing:
            self._stream.stop_writing()
        self.close()
        self._stream.on_splice_over()

    def _pull(self) -> None:
        stream = self._stream
        try:
            count = os.splice(stream.source.fileno(), self._write_end, PIPE_SIZE, flags=_FLAGS)
        except BlockingIOError:
            return
        except OSError:
            stream.on_broken(stream.source)
            return
        if not count:
            self._give_back()
            return
        stream.count_received(count)
        self.inside = count
        self._small = self._small + 1 if count < SMALL else 0
        self._leaving = self._leaving or self._small >= SMALL_RUN
        self._push()

    def _push(self) -> None:
        stream = self._stream
        try:
            self.inside -= os.splice(self._read_end, stream.sink.fileno(), self.inside, flags=_FLAGS)
        except BlockingIOError:
            pass
        except OSError:
            stream.on_broken(stream.sink)
            return
        if self.inside:
            stream.reader.stop()
            stream.await_writable(self._push)
            self.pushing = True
        elif self._leaving:
            self._give_back()
        elif self.pushing:
            self.pushing = False
            stream.stop_writing()
            stream.reader.start(self._pull)
