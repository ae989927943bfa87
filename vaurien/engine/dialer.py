"""The connection from a link to its backend: tries each address in turn, without ever blocking."""

from __future__ import annotations

from _socket import socket
from errno import EALREADY, EINPROGRESS, EMFILE, ENFILE, ENOBUFS, ENOMEM, ETIMEDOUT
from os import strerror
from socket import IPPROTO_TCP, SO_ERROR, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaurien.engine.link import Link

WRITE = 2

#: What a socket cannot be had for the lack of, rather than for its address.
EXHAUSTED = {EMFILE, ENFILE, ENOBUFS, ENOMEM}

#: Seconds to wait, and to leave waiting clients in the backlog, after the process ran out of descriptors.
EXHAUSTED_PAUSE = 0.5


def begin_connecting(family: int, address: Any) -> tuple[socket | None, int]:
    """A socket and 0 if it is connected, EALREADY if it soon may be; or the errno of what went wrong."""
    try:
        sock = socket(family, SOCK_STREAM | SOCK_NONBLOCK)
    except OSError as failure:  # no descriptor is left, or nobody speaks IPv6 here
        return None, failure.errno or EMFILE
    sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    error = sock.connect_ex(address)
    if error == EINPROGRESS:
        error = sock.connect_ex(address)  # within one machine the handshake is over by now
    return sock, error


class Dialer:
    """Connects, then hands the socket to the link; or tells it that no address accepts."""

    __slots__ = ('_attempt', '_sock', '_timer', '_watcher', 'closed', 'link')

    def __init__(self, link: Link) -> None:
        self.link = link
        self.closed = False
        self._sock: socket | None = None
        self._watcher: Any = None
        self._timer: Any = None
        self._attempt = 0

    def dial(self) -> None:
        """Try the next address; when there is none yet, wait for the backend's name to be resolved."""
        addresses = self.link.proxy.resolver.addresses
        if not addresses:
            self.link.proxy.resolver.refresh(self)
            return
        family, address = addresses[self._attempt % len(addresses)]
        self.go_on(*begin_connecting(family, address))

    def go_on(self, sock: socket | None, error: int) -> None:
        """Finish what `begin_connecting` began on the next address."""
        if sock is None and error in EXHAUSTED:
            self._await_descriptors(strerror(error))
            return
        self._attempt += 1
        self._sock = sock
        if error == EALREADY:
            self._wait()
        elif error:
            self._fail(error)
        else:
            self._hand_over()

    def _wait(self) -> None:
        assert self._sock is not None
        loop = self.link.proxy.loop
        self._timer = loop.timer(self.link.proxy.settings.timeout)
        self._timer.start(self._fail, ETIMEDOUT)
        self._watcher = loop.io(self._sock.fileno(), WRITE)
        self._watcher.start(self._on_writable)

    def _await_descriptors(self, reason: str) -> None:
        """Have the client wait, as those do that are not accepted."""
        proxy = self.link.proxy
        proxy.rest(reason)
        self._timer = proxy.loop.timer(EXHAUSTED_PAUSE)
        self._timer.start(self._dial_again)

    def _dial_again(self) -> None:
        self._drop()
        self.dial()

    def _on_writable(self) -> None:
        assert self._sock is not None
        error = self._sock.getsockopt(SOL_SOCKET, SO_ERROR)
        if error:
            self._fail(error)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        sock, self._sock = self._sock, None
        assert sock is not None
        self.close()
        self.link.on_connected(sock)

    def _fail(self, error: int) -> None:
        self._drop()
        if self._attempt < len(self.link.proxy.resolver.addresses):
            self.dial()
            return
        self.give_up(strerror(error))

    def give_up(self, reason: str) -> None:
        """No address accepts: say why, have the name looked up again for the next link, end this one."""
        link = self.link
        link.proxy.note_unreachable(link, reason)
        if link.proxy.resolver.addresses:
            link.proxy.resolver.refresh()
        link.on_unreachable()

    def _drop(self) -> None:
        for watcher in (self._timer, self._watcher):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._timer = self._watcher = None
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def close(self) -> None:
        """Stop trying."""
        self.closed = True
        self._drop()
