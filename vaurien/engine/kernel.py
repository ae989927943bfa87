"""What the kernel does for sockets, and what is done in its place where there is no Linux.

Each of these is chosen once, by what Python has there. `vaurien.clock` has the timer, `splice` the long transfers, and
`vaurien.native` the pump.
"""

from __future__ import annotations

import socket as names
import struct
import sys
from _socket import socket
from socket import IPPROTO_TCP, SO_ERROR, SO_KEEPALIVE, SOCK_STREAM, SOL_SOCKET
from typing import Protocol, overload

#: Whether a packet may wait for what follows. Without that it leaves at once.
MSG_MORE: int = getattr(names, 'MSG_MORE', 0)

# Of ``struct tcp_info`` in linux/tcp.h, all in milliseconds but the first: the state, and how long ago data and
# an acknowledgement came in.
_STATE = struct.Struct('=B')
_LAST_DATA_RECV = struct.Struct('=52xI')
_LAST_ACK_RECV = struct.Struct('=56xI')
#: TCP_CLOSE of linux/tcp_states.h.
_CLOSED = 7

#: What macOS calls the seconds of silence until the first question.
_KEEP_IDLE: int | None = getattr(names, 'TCP_KEEPIDLE', getattr(names, 'TCP_KEEPALIVE', None))
_KEEP_INTERVAL: int | None = getattr(names, 'TCP_KEEPINTVL', None)


class Connected(Protocol):
    """The part of a connected socket that is asked."""

    @overload
    def getsockopt(self, level: int, option: int, /) -> int: ...

    @overload
    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...

    def fileno(self) -> int:
        """Return the descriptor."""


def set_keepalive(sock: socket, seconds: int) -> None:
    """Have the kernel ask a silent peer, every so many *seconds*, whether it is still there; 0: never.

    After nine questions without an answer (net.ipv4.tcp_keepalive_probes) the connection is broken.
    """
    if seconds:
        sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        for option in (_KEEP_IDLE, _KEEP_INTERVAL):
            if option is not None:
                sock.setsockopt(IPPROTO_TCP, option, seconds)


if hasattr(names, 'SOCK_NONBLOCK'):

    def open_socket(family: int) -> socket:
        """Return a socket of TCP that does not block."""
        return socket(family, SOCK_STREAM | names.SOCK_NONBLOCK)

else:

    def open_socket(family: int) -> socket:
        """Return a socket of TCP that does not block."""
        sock = socket(family, SOCK_STREAM)
        sock.setblocking(False)
        return sock


if hasattr(names, 'TCP_INFO'):

    def find_silence(sock: Connected) -> int:
        """Return for how many milliseconds the peer has sent nothing."""
        return _read(sock, _LAST_DATA_RECV)

    def find_unheard(sock: Connected) -> int:
        """Return for how many milliseconds nothing was heard of the peer, not even that it has received something."""
        return _read(sock, _LAST_ACK_RECV)

    def is_reset(sock: Connected) -> bool:
        """Return whether the connection is no more, whatever of it was not read yet."""
        return _read(sock, _STATE) == _CLOSED

    def _read(sock: Connected, field: struct.Struct) -> int:
        return int(field.unpack(sock.getsockopt(IPPROTO_TCP, names.TCP_INFO, field.size))[0])

else:

    def find_silence(sock: Connected) -> int:
        """Return 0: it may have sent something right now."""
        return 0

    def find_unheard(sock: Connected) -> int:
        """Return 0: it may have been heard right now."""
        return 0

    def is_reset(sock: Connected) -> bool:
        """Return whether the connection is no more, whatever of it was not read yet."""
        return bool(sock.getsockopt(SOL_SOCKET, SO_ERROR))


if sys.platform == 'linux':
    import termios
    from fcntl import ioctl

    _INT = struct.Struct('i')

    def count_unconfirmed(sock: Connected) -> int:
        """Return how many bytes the kernel has to send, or to send again: SIOCOUTQ of tcp(7)."""
        (count,) = _INT.unpack(ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_INT.size)))
        return int(count)

else:

    def count_unconfirmed(sock: Connected) -> int:
        """Return 0: it may have sent everything."""
        return 0
