"""The connection from a link to its backend: tries each address in turn, without ever blocking."""

from __future__ import annotations

from _socket import socket
from collections.abc import Callable
from errno import EALREADY, EINPROGRESS, EMFILE, ENFILE, ENOBUFS, ENOMEM, ETIMEDOUT
from os import strerror
from socket import IPPROTO_TCP, SO_ERROR, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY
from typing import Any, Protocol

from vaurien.engine.resolver import Resolver

WRITE = 2

#: A socket cannot be had because the machine has run out of something, whatever the address is.
EXHAUSTED = {EMFILE, ENFILE, ENOBUFS, ENOMEM}

#: Seconds to wait, and to leave waiting clients in the backlog, after the process ran out of descriptors.
EXHAUSTED_PAUSE = 0.5


def begin_connecting(family: int, address: Any) -> tuple[socket | None, int]:
    """Return a socket and 0 if it is connected, EALREADY if it soon may be; or the errno of what went wrong."""
    try:
        sock = socket(family, SOCK_STREAM | SOCK_NONBLOCK)
    except OSError as failure:  # no descriptor is left, or the machine has no IPv6
        return None, failure.errno or EMFILE
    sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    error = sock.connect_ex(address)
    if error == EINPROGRESS:
        error = sock.connect_ex(address)  # within one machine the handshake is over by now
    return sock, error


class DialingLink(Protocol):
    """The part of a link that its dialer needs."""

    def on_connected(self, backend: socket) -> None:
        """Handle that the backend has accepted: the socket is the link's from now on."""

    def on_unreachable(self, reason: str) -> None:
        """Handle that no address of the backend accepts."""

    def on_exhausted(self, reason: str) -> None:
        """Handle that the process has no descriptors left; the dialer tries again after `EXHAUSTED_PAUSE`."""


class Dialer:
    """Connects and gives the socket to the link, or tells the link that no address accepts."""

    __slots__ = ('_attempt', '_closed', '_link', '_loop', '_resolver', '_sock', '_timeout', '_timer', '_watcher')

    def __init__(self, link: DialingLink, loop: Any, resolver: Resolver, timeout: float) -> None:
        """*timeout* is in seconds and for each address."""
        self._link = link
        self._loop = loop
        self._resolver = resolver
        self._timeout = timeout
        self._closed = False
        self._sock: socket | None = None
        self._watcher: Any = None
        self._timer: Any = None
        #: How many addresses were tried.
        self._attempt = 0

    def dial(self) -> None:
        """Try the next address. If there is none yet, wait until the backend's name is resolved."""
        addresses = self._resolver.addresses
        if not addresses:
            self._resolver.refresh(self._on_resolved)
            return
        self.go_on(*begin_connecting(*addresses[self._attempt % len(addresses)]))

    def _on_resolved(self, problem: str) -> None:
        if self._closed:
            return
        if problem:
            self._give_up(problem)
        else:
            self.dial()

    def go_on(self, sock: socket | None, error: int) -> None:
        """Finish what `begin_connecting` began on the next address."""
        if sock is None and error in EXHAUSTED:
            self._link.on_exhausted(strerror(error))
            self._set_timer(EXHAUSTED_PAUSE, self._dial_again)
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
        self._set_timer(self._timeout, self._fail, ETIMEDOUT)
        self._watcher = self._loop.io(self._sock.fileno(), WRITE)
        self._watcher.start(self._on_writable)

    def _set_timer(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        self._timer = self._loop.timer(seconds)
        self._timer.start(call, *args)

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
        self._link.on_connected(sock)

    def _fail(self, error: int) -> None:
        self._drop()
        if self._attempt < len(self._resolver.addresses):
            self.dial()
            return
        self._give_up(strerror(error))

    def _give_up(self, reason: str) -> None:
        if self._resolver.addresses:  # the next link may find other ones
            self._resolver.refresh()
        self._link.on_unreachable(reason)

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
        self._closed = True
        self._drop()
