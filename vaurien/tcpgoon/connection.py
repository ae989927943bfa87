"""One connection, on watchers of the event loop: no greenlet."""

from __future__ import annotations

import ssl
from socket import socket
from time import perf_counter
from typing import TYPE_CHECKING, Any

from vaurien.tcpgoon.handshake import CHUNK, READ, Steps, name_error, shake_hands
from vaurien.tcpgoon.target import format_address

if TYPE_CHECKING:
    from vaurien.tcpgoon.dialer import Dialer

#: All connections receive what servers send into this; nobody reads it.
BUFFER = bytearray(CHUNK)


class Connection:
    """A connection from the first packet until either side closes it. It tells its dialer what becomes of it."""

    __slots__ = ('_dialer', '_sock', '_steps', '_watcher', 'began', 'established', 'number')

    def __init__(self, dialer: Dialer, number: int) -> None:
        self._dialer = dialer
        self._sock: socket | None = None
        self._watcher: Any = None
        self._steps: Steps[socket] | None = None
        self.number = number
        #: When it was dialed and established, on the performance counter.
        self.began = 0.0
        self.established = 0.0

    @property
    def local(self) -> str:
        """The local address."""
        assert self._sock is not None
        return format_address(self._sock.getsockname())

    def dial(self) -> None:
        """Start the handshake. The dialer may be told that it is over before this returns."""
        self._steps = shake_hands(self._dialer.recipe)
        self.began = perf_counter()
        self._go_on()

    def close(self) -> None:
        """Close the connection, in whatever state it is."""
        self._unwatch()
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _go_on(self) -> None:
        assert self._steps is not None
        self._unwatch()
        try:
            descriptor, event = next(self._steps)
        except StopIteration as end:
            self._steps = None
            self._sock = end.value
            self.established = perf_counter()
            self._watch(end.value.fileno(), READ, self._on_readable)
            self._dialer.on_established(self)
        except OSError as error:
            self._dialer.on_failed(self, name_error(error))
        else:
            self._watch(descriptor, event, self._go_on)

    def _on_readable(self) -> None:
        assert self._sock is not None
        try:
            if self._sock.recv_into(BUFFER):
                return
            reason = 'EOF'
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            reason = name_error(error)
        self._dialer.on_closed(self, reason)
        self.close()

    def _watch(self, descriptor: int, event: int, callback: Any) -> None:
        self._watcher = self._dialer.loop.io(descriptor, event)
        self._watcher.start(callback)

    def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
