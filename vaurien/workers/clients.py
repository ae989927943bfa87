"""How the parent hands clients over to a worker, and hears of those that have gone: packets with a descriptor each.

parent to worker   the proxy, the number of the link, the family of the socket, and the socket (SCM_RIGHTS, unix(7))
worker to parent   the proxy, the number of a link, and what has become of it (`Event`)
"""

from __future__ import annotations

import struct
from _socket import socket
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from enum import IntEnum
from socket import CMSG_SPACE, MSG_CMSG_CLOEXEC, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET
from typing import Any

from vaurien.engine.dialer import EXHAUSTED_PAUSE
from vaurien.engine.reserve import DESCRIPTORS

READ, WRITE = 1, 2

#: The key of a proxy, the number of a link, the address family of the client.
_CLIENT = struct.Struct('!QQH')
_TOLD = struct.Struct('!QQB')
_DESCRIPTOR = array('i').itemsize

#: The most clients that are received in one turn of the event loop.
PER_TURN = 50
#: The most events that one packet tells of, and the bytes of it.
PER_PACKET = 500
LARGEST = PER_PACKET * _TOLD.size


class Event(IntEnum):
    """What a worker tells of a link: it has closed, or the backend has accepted its connection, or has not."""

    CLOSED = 0
    REACHED = 1
    NOT_REACHED = 2


class Handover:
    """The parent's end."""

    def __init__(
        self, loop: Any, sock: socket, on_event: Callable[[int, int, Event], object], on_room: Callable[[], object]
    ) -> None:
        """*on_event* is told what has become of links; *on_room* is called when there is room again."""
        self._socket = sock
        self._on_event = on_event
        self._on_room = on_room
        #: The packet for which there was no room.
        self._waiting: tuple[bytes, socket] | None = None
        self._reader: Any = loop.io(sock.fileno(), READ)
        self._writer: Any = loop.io(sock.fileno(), WRITE)
        self._reader.start(self._read)

    @property
    def has_room(self) -> bool:
        """Whether one more client may be handed over."""
        return self._waiting is None

    def hand(self, key: int, number: int, client: socket) -> None:
        """Hand a client over, which is closed here; raise `OSError` if the worker has gone."""
        packet = _CLIENT.pack(key, number, client.family)
        try:
            self._send(packet, client)
        except BlockingIOError:
            self._waiting = packet, client
            self._writer.start(self._go_on)

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
        self._waiting = None
        self._writer.stop()
        self._on_room()

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
            self._on_event(key, number, Event(event))

    def close(self) -> None:
        """Hand over no more clients."""
        for watcher in (self._reader, self._writer):
            watcher.stop()
            watcher.close()
        if self._waiting is not None:
            self._waiting[1].close()
            self._waiting = None
        self._socket.close()


class Arrivals:
    """The worker's end."""

    def __init__(self, loop: Any, sock: socket, on_client: Callable[[int, int, socket], object]) -> None:
        """*on_client* gets the key of a proxy, the number of a link, and the socket of its client."""
        self._loop = loop
        self._socket = sock
        self._on_client = on_client
        self._events: deque[tuple[int, int, Event]] = deque()
        self._is_due = False
        self._reader: Any = loop.io(sock.fileno(), READ)
        self._writer: Any = loop.io(sock.fileno(), WRITE)
        self._timer: Any = loop.timer(EXHAUSTED_PAUSE)
        self._reader.start(self._read)

    def rest(self) -> None:
        """Take no clients for a moment."""
        self._reader.stop()
        self._timer.start(self._reader.start, self._read)

    def tell(self, key: int, number: int, event: Event) -> None:
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
        for key, number, client in self._receive():
            self._on_client(key, number, client)

    def _receive(self) -> Iterator[tuple[int, int, socket]]:
        for _ in range(PER_TURN):
            if not DESCRIPTORS.has_room(self._socket.fileno()):
                self.rest()
                return
            try:
                packet, ancillary, _, _ = self._socket.recvmsg(_CLIENT.size, CMSG_SPACE(_DESCRIPTOR), MSG_CMSG_CLOEXEC)
            except OSError:  # there is none, or the parent has gone
                return
            if not packet:
                self._reader.stop()
                return
            key, number, family = _CLIENT.unpack(packet)
            descriptors = array('i')
            for _, _, data in ancillary:
                descriptors.frombytes(data[:_DESCRIPTOR])
            if not descriptors:  # the kernel had no number left for it
                self.tell(key, number, Event.CLOSED)
                continue
            DESCRIPTORS.note(descriptors[0])
            client = socket(family, SOCK_STREAM, 0, descriptors[0])
            client.setblocking(False)
            yield key, number, client
