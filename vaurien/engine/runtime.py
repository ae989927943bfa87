"""What everything on a proxy runs on: its event loop, one buffer to read into, greenlets, a clock, and its log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
from gevent.pool import Group

from vaurien import native
from vaurien.clock import Clock
from vaurien.engine.turns import get_turns
from vaurien.records.proxy_log import ProxyLog

if TYPE_CHECKING:
    from vaurien.native._pump import Pump

#: Bytes that are read at once at most. Larger is no cheaper per byte: measured, the curve is flat from here on.
CHUNK = 256 * 1024
#: A chunk of so many bytes is a large one, as long transfers are made of.
BULK = 32 * 1024


class Runtime:
    """The services of the event loop of the thread in which it was made."""

    #: Keeps time to a fraction of a millisecond, from `start` to `stop`.
    clock: Clock
    #: Moves the bytes that nothing looks at; None: Python does.
    pump: Pump | None = None

    def __init__(self, log: ProxyLog) -> None:
        self.log = log
        self.loop = gevent.get_hub().loop
        #: For what takes long.
        self.turns = get_turns()
        #: All streams of the event loop read into this one: a chunk is sent on, or copied, before the next callback.
        self.buffer = _get_buffer('buffer')
        self._greenlets = Group()
        #: Starts a greenlet. Every greenlet of a proxy is started by this, and ends with the proxy.
        self.spawn: Callable[..., gevent.Greenlet] = self._greenlets.spawn
        self._started = False

    @property
    def cipher(self) -> memoryview:
        """The buffer for what is still enciphered, likewise."""
        return _get_buffer('cipher')

    def start(self) -> None:
        """Begin to keep time and to move bytes. Raise `OSError` if no file descriptor is left for that."""
        if not self._started:
            self.clock = Clock(self.loop)
            try:
                self.pump = native.make_pump(self.loop, self.buffer, BULK)
            except OSError:
                self.clock.close()
                raise
            self._started = True

    def stop(self) -> None:
        """End every greenlet and wait for their ends; then stop the rest. It can be started again meanwhile."""
        greenlets, self._greenlets = self._greenlets, Group()
        self.spawn = self._greenlets.spawn
        clock, self._started = self.clock if self._started else None, False
        pump, self.pump = self.pump, None
        greenlets.kill(block=True)
        if clock is not None:
            clock.close()
        if pump is not None:
            pump.close()

    @property
    def keeps_time(self) -> bool:
        """Whether there is a clock: from `start` to `stop`."""
        return self._started

    def leave_to_parent(self) -> None:
        """Close this process's copies of the descriptors, for it is a child of a fork."""
        if self._started:
            self.clock.leave_to_parent()
        if self.pump is not None:
            self.pump.leave_to_parent()


def _get_buffer(use: str) -> memoryview:
    """Return the buffer of the event loop of this thread. A proxy that has no links costs none of its own."""
    owned, name = vars(gevent.get_hub()), f'{use} of vaurien'
    if name not in owned:
        owned[name] = memoryview(bytearray(CHUNK))
    buffer: memoryview = owned[name]
    return buffer
