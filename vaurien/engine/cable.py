"""A pulled cable, as far as one end of a connection can play it.

Nothing is read and nothing is written. So the kernel still acknowledges what arrives, until its buffer is full and the
window closes. A process with CAP_NET_ADMIN can do more: a socket filter that drops every segment (SO_ATTACH_FILTER of
socket(7)) leaves the peer without acknowledgement, as a cut wire does; and in repair mode (TCP_REPAIR, in linux/tcp.h)
the kernel sends nothing by itself, not even the end of the connection if the process dies.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from contextlib import suppress
from socket import IPPROTO_TCP, SO_KEEPALIVE, SO_REUSEADDR, SOL_SOCKET

from vaurien.engine.tls_socket import Connection

# Of asm-generic/socket.h and linux/tcp.h. Python does not have them.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_TCP_REPAIR = 19

#: The program ``ret #0`` of classic BPF (linux/filter.h): let nothing through.
_DROP_ALL = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0))
_PROGRAM = struct.pack('HP', 1, ctypes.addressof(_DROP_ALL))


class PulledSink:
    """Stands in the place of a connection whose cable is pulled: it takes nothing."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        #: Whether the peer is to be told that no more comes.
        self.is_ended = False

    def send(self, data: object, flags: int = 0) -> int:
        """Raise `BlockingIOError`."""
        raise BlockingIOError

    def shutdown(self, how: int) -> None:
        """Note that no more comes."""
        self.is_ended = True

    def fileno(self) -> int:
        """Return the descriptor of the connection."""
        return self.connection.fileno()


class Cable:
    """The cable at one socket, pulled until `plug_in`."""

    def __init__(self, sock: Connection) -> None:
        """Turn keepalive off, and have the kernel drop every segment where the process may."""
        self._sock = sock
        #: Whether others may listen on the port meanwhile, as a proxy does that is enabled again. A repair forbids it.
        self._reuse = sock.getsockopt(SOL_SOCKET, SO_REUSEADDR)
        self._keepalive = sock.getsockopt(SOL_SOCKET, SO_KEEPALIVE)
        sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 0)  # it would break the connection when nobody answers
        if sys.platform == 'linux':  # elsewhere these numbers are those of other options
            with suppress(OSError):  # the process may not
                sock.setsockopt(SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM)
                sock.setsockopt(IPPROTO_TCP, _TCP_REPAIR, 1)

    def plug_in(self) -> None:
        """Have segments pass again, and put the options back as they were."""
        sock = self._sock
        # The end of the repair probes the peer, whose answer has to come through: else it might take seconds.
        played = ((IPPROTO_TCP, _TCP_REPAIR, 0), (SOL_SOCKET, _SO_DETACH_FILTER, 0)) if sys.platform == 'linux' else ()
        own = (SOL_SOCKET, SO_REUSEADDR, self._reuse), (SOL_SOCKET, SO_KEEPALIVE, self._keepalive)
        for level, option, value in (*played, *own):
            with suppress(OSError):  # it was not set, or the peer has broken off
                sock.setsockopt(level, option, value)
