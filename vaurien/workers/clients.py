"""How the parent hands clients over to a worker, and hears of those that have gone: packets with a descriptor each.

parent to worker   the proxy, the number of the link, the time, the family of the socket, and the socket (SCM_RIGHTS,
                   unix(7))
worker to parent   the proxy, the number of a link, and what has become of it (`LinkEvent`)

No client waits for longer than the timeout of its proxy, neither in the parent, where there is no room for its packet,
nor in a worker that has no descriptors left. The clock is that of the machine (clock_gettime(2)), so both ends count
from the same moment.
"""

from __future__ import annotations

import struct
from _socket import socket
from array import array
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from errno import EMFILE
from os import strerror
from socket import CMSG_SPACE, MSG_CMSG_CLOEXEC, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET
from time import monotonic
from typing import Any, NamedTuple, Protocol

from vaurien.engine.dialer import EXHAUSTED_PAUSE
from vaurien.engine.kernel import find_unheard
from vaurien.engine.listener import turn_away
from vaurien.engine.reserve import DESCRIPTORS
from vaurien.records.proxy_log import ProxyLog

READ, WRITE = 1, 2

#: The key of a proxy, the number of a link, when it was handed over, the address family of the client.
_CLIENT = struct.Struct('!QQdH')
_TOLD = struct.Struct('!QQB')
_DESCRIPTOR = array('i').itemsize

#: The most clients that are received in one turn of the event loop.
PER_TURN = 50
#: The most events that one packet tells of, and the bytes of it.
PER_PACKET = 500
LARGEST = PER_PACKET * _TOLD.size


class LinkEvent(IntEnum):
    """What a worker tells of a link: it has closed, or the backend has accepted its connection, or has not.

    Of itself, it tells whether clients may be handed over. The key and the number are 0 then.
    """

    CLOSED = 0
    REACHED = 1
    NOT_REACHED = 2
    FULL = 3
    ROOM = 4


class Handover:
    """The parent's end."""

    def __init__(
        self, loop: Any, sock: socket, on_event: Callable[[int, int, LinkEvent], object], on_room: Callable[[], object]
    ) -> None:
        """*on_event* is told what has become of links; *on_room* is called when there is room again."""
        self._loop = loop
        self._socket = sock
        self._on_event = on_event
        self._on_room = on_room
        #: The packet for which there was no room, and the timer that ends the wait of its client.
        self._waiting: tuple[bytes, socket] | None = None
        self._timer: Any = None
        self._reader: Any = loop.io(sock.fileno(), READ)
        self._writer: Any = loop.io(sock.fileno(), WRITE)
        self._reader.start(self._read)

    @property
    def has_room(self) -> bool:
        """Whether one more client may be handed over."""
        return self._waiting is None

    def hand(self, key: int, number: int, client: socket, timeout: float, log: ProxyLog) -> None:
        """Hand a client over, which is closed here; raise `OSError` if the worker has gone.

        If there is no room for so many seconds, as the *timeout* of the proxy says, the client is reset. *log* is that
        of the proxy.
        """
        packet = _CLIENT.pack(key, number, monotonic(), client.family)
        try:
            self._send(packet, client)
        except BlockingIOError:
            self._waiting = packet, client
            self._writer.start(self._go_on)
            self._timer = self._loop.timer(max(0.0, timeout - find_unheard(client) / 1000))
            self._timer.start(self._turn_away, key, number, timeout, log)

    def _send(self, packet: bytes, client: socket) -> None:
        self._socket.sendmsg([packet], [(SOL_SOCKET, SCM_RIGHTS, array('i', [client.fileno()]))])
        client.close()

    def _go_on(self) -> None:
        assert self._waiting is not None
        packet, client = self._waiting
        try:
            self._send(packet, client)
        except BlockingIOError:
            return
        except OSError:  # it has gone, which is noticed elsewhere
            client.close()
        self._forget_waiting()
        self._on_room()

    def _turn_away(self, key: int, number: int, timeout: float, log: ProxyLog) -> None:
        assert self._waiting is not None
        turn_away(self._waiting[1], timeout, log)
        self._forget_waiting()
        self._on_event(key, number, LinkEvent.CLOSED)
        self._on_room()

    def _forget_waiting(self) -> None:
        self._waiting = None
        self._writer.stop()
        self._timer.stop()
        self._timer.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self._reader.stop()
        for key, number, event in _TOLD.iter_unpack(data):
            self._on_event(key, number, LinkEvent(event))

    def close(self) -> None:
        """Hand over no more clients."""
        if self._waiting is not None:
            self._waiting[1].close()
            self._forget_waiting()
        for watcher in (self._reader, self._writer):
            watcher.stop()
            watcher.close()
        self._socket.close()


class Arrival(NamedTuple):
    """A client that has come: the key of its proxy, the number of its link, and when it was handed over."""

    key: int
    number: int
    handed: float
    client: socket


class Host(Protocol):
    """A proxy whose clients come."""

    @property
    def log(self) -> ProxyLog:
        """Return the log of the proxy."""

    @property
    def connect_timeout(self) -> float:
        """Return for how many seconds a client may wait."""

    def take(self, number: int, client: socket) -> None:
        """Open the link of that number."""

    def rest(self, reason: str) -> None:
        """Say why clients have to wait, and have `Arrivals.rest` called."""


class Arrivals:
    """The worker's end.

    While there are no descriptors for one more link, it keeps the client whose turn is next, with one of those that
    links leave, and the others wait in the socket. A client that has waited for too long is reset.
    """

    def __init__(self, loop: Any, sock: socket, find_host: Callable[[int], Host | None]) -> None:
        """*find_host* returns the proxy of a key; None: it was stopped meanwhile."""
        self._loop = loop
        self._socket = sock
        self._find_host = find_host
        self._events: deque[tuple[int, int, LinkEvent]] = deque()
        self._is_due = False
        self._reader: Any = loop.io(sock.fileno(), READ)
        self._writer: Any = loop.io(sock.fileno(), WRITE)
        #: The client whose turn is next, and the timer with which the pause ends, while there is one.
        self._next: Arrival | None = None
        self._timer: Any = None
        self._reader.start(self._read)

    def rest(self) -> None:
        """Take no clients for a moment, and have the parent give them to others."""
        self._reader.stop()
        if self._timer is None:
            self.tell(0, 0, LinkEvent.FULL)
        self._set_timer(EXHAUSTED_PAUSE)

    def _set_timer(self, seconds: float) -> None:
        """Look again after so many *seconds*, with a new timer: one that has run out would fire at once."""
        self._stop_timer()
        self._timer = self._loop.timer(seconds)
        self._timer.start(self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _look(self) -> None:
        """Take clients again if there is room; else reset those that have waited for too long."""
        if DESCRIPTORS.has_room(self._socket.fileno()):
            self._stop_timer()
            self.tell(0, 0, LinkEvent.ROOM)
            self._reader.start(self._read)
            self._read()
        else:
            self._turn_away_late()

    def _turn_away_late(self) -> None:
        """Reset the clients that have waited for too long, and look again when it is time for the next one."""
        for _ in range(PER_TURN):
            if self._next is None:
                self._next = self._receive()
            if self._next is None:
                self._set_timer(EXHAUSTED_PAUSE)
                return
            key, number, handed, client = self._next
            host = self._find_host(key)
            if host is not None:
                waited = max(monotonic() - handed, find_unheard(client) / 1000)
                left = host.connect_timeout - waited
                if left > 0:
                    host.rest(strerror(EMFILE))
                    self._set_timer(min(left, EXHAUSTED_PAUSE))
                    return
                turn_away(client, host.connect_timeout, host.log)
            else:
                client.close()
            self._next = None
            self.tell(key, number, LinkEvent.CLOSED)
        self._set_timer(0.0)

    def tell(self, key: int, number: int, event: LinkEvent) -> None:
        """Tell the parent, in a moment, what has become of a link."""
        self._events.append((key, number, event))
        if not self._is_due:
            self._is_due = True
            self._loop.run_callback(self._tell)

    def _tell(self) -> None:
        while self._events:
            some = [self._events[i] for i in range(min(PER_PACKET, len(self._events)))]
            try:
                self._socket.send(b''.join(_TOLD.pack(*one) for one in some))
            except BlockingIOError:
                self._writer.start(self._tell)
                return
            except OSError:  # the parent has gone, and so will this process
                break
            for _ in some:
                self._events.popleft()
        self._writer.stop()
        self._is_due = False

    def _read(self) -> None:
        for _ in range(PER_TURN):
            if not DESCRIPTORS.has_room(self._socket.fileno()):
                self.rest()
                self._turn_away_late()
                return
            arrival, self._next = self._next or self._receive(), None
            if arrival is None:
                return
            host = self._find_host(arrival.key)
            if host is None:
                arrival.client.close()
                self.tell(arrival.key, arrival.number, LinkEvent.CLOSED)
                continue
            host.take(arrival.number, arrival.client)
            if self._timer is not None:  # there was no descriptor for its connection to the backend
                return

    def _receive(self) -> Arrival | None:
        """Return the next client; None if there is none."""
        while True:
            try:
                packet, ancillary, _, _ = self._socket.recvmsg(_CLIENT.size, CMSG_SPACE(_DESCRIPTOR), MSG_CMSG_CLOEXEC)
            except OSError:  # there is none, or the parent has gone
                return None
            if not packet:
                self._reader.stop()
                return None
            key, number, handed, family = _CLIENT.unpack(packet)
            descriptors = array('i')
            for _, _, data in ancillary:
                descriptors.frombytes(data[:_DESCRIPTOR])
            if not descriptors:  # the kernel had no number left for it
                self.tell(key, number, LinkEvent.CLOSED)
                continue
            DESCRIPTORS.note(descriptors[0])
            client = socket(family, SOCK_STREAM, 0, descriptors[0])
            client.setblocking(False)
            return Arrival(key, number, handed, client)
