"""The connection from a link to its backend: races the addresses, never blocks, and waits for nobody who has left."""

from __future__ import annotations

from _socket import socket
from collections.abc import Callable
from errno import EALREADY, EINPROGRESS, EMFILE, ETIMEDOUT
from os import strerror
from socket import IPPROTO_TCP, SO_ERROR, SOL_SOCKET, TCP_NODELAY
from time import monotonic
from typing import Any, Protocol

from vaurien.console.limits import EXHAUSTED
from vaurien.engine.departure import Departure
from vaurien.engine.kernel import open_socket, set_keepalive
from vaurien.engine.reserve import DESCRIPTORS
from vaurien.engine.resolver import Resolver
from vaurien.engine.tls_socket import WRITE, Connection

#: Seconds to wait, and to leave waiting clients in the backlog, after the process ran out of descriptors.
EXHAUSTED_PAUSE = 0.5

#: Seconds after which the next address is tried beside one that does not answer: the "Connection Attempt Delay" of RFC
#: 8305, section 5.
ATTEMPT_DELAY = 0.25

#: What has become of a connection at once: a socket and 0, a socket and an errno, or None and an errno.
Begun = tuple[socket | None, int]


def begin_connecting(family: int, address: Any, keepalive: int) -> Begun:
    """Return a socket and 0 if it is connected, EALREADY if it soon may be; or the errno of what went wrong."""
    try:
        sock = open_socket(family)
    except OSError as failure:  # no descriptor is left, or the machine has no IPv6
        return None, failure.errno or EMFILE
    if DESCRIPTORS.is_reserved(sock.fileno()):
        sock.close()
        return None, EMFILE
    sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    set_keepalive(sock, keepalive)
    error = sock.connect_ex(address)
    if error == EINPROGRESS:
        error = sock.connect_ex(address)  # within one machine the handshake is over by now
    return sock, error


class DialingLink(Protocol):
    """The part of a link that its dialer needs."""

    @property
    def client(self) -> Connection:
        """The client's socket."""

    def on_connected(self, backend: socket) -> None:
        """Handle that the backend has accepted: the socket is the link's from now on."""

    def on_unreachable(self, reason: str) -> None:
        """Handle that no address of the backend accepts."""

    def on_exhausted(self, reason: str) -> None:
        """Handle that the process has no descriptors left; the dialer tries again after `EXHAUSTED_PAUSE`."""

    def close(self) -> None:
        """Close the link, for the client has left."""


class Dialer:
    """Connects and gives the socket to the link, or tells the link that no address accepts in time.

    Addresses are tried in their order, the next one as soon as one fails or has not answered for `ATTEMPT_DELAY`
    seconds. The first that accepts wins.
    """

    __slots__ = (
        '_addresses',
        '_closed',
        '_deadline',
        '_departure',
        '_error',
        '_has_renewed',
        '_keepalive',
        '_link',
        '_loop',
        '_next',
        '_racing',
        '_resolver',
        '_timers',
    )

    def __init__(self, link: DialingLink, loop: Any, resolver: Resolver, deadline: float, keepalive: int) -> None:
        """*deadline* is a time of the monotonic clock, for all addresses together."""
        self._link = link
        self._loop = loop
        self._resolver = resolver
        self._deadline = deadline
        self._keepalive = keepalive
        self._closed = False
        self._addresses: list[tuple[int, Any]] = []
        #: How many addresses were tried.
        self._next = 0
        #: The sockets that are connecting, and their watchers.
        self._racing: dict[socket, Any] = {}
        self._timers: list[Any] = []
        #: Why the last attempt failed.
        self._error = ETIMEDOUT
        #: Whether the name was looked up for the sake of this link, after its addresses had failed.
        self._has_renewed = False
        self._departure: Departure | None = None

    def dial(self) -> None:
        """Try the addresses. If there are none yet, wait until the backend's name is resolved."""
        self._watch()
        if self._resolver.addresses:
            self._addresses = list(self._resolver.addresses)
            self._try_next()
        else:
            self._has_renewed = True
            self._resolver.refresh(self._on_resolved)

    def go_on(self, sock: socket | None, error: int) -> None:
        """Finish what `begin_connecting` began on the first address, and go on with the others."""
        self._watch()
        self._addresses = list(self._resolver.addresses)
        self._next = 1
        self._take(sock, error)

    def _watch(self) -> None:
        self._departure = Departure(self._link.client, self._loop, self._link.close)
        self._set_timer(max(0.0, self._deadline - monotonic()), self._give_up, strerror(ETIMEDOUT))

    def _on_resolved(self, problem: str) -> None:
        if self._closed:
            return
        if problem:
            self._give_up(problem)
            return
        self._addresses = list(self._resolver.addresses)
        self._try_next()

    def _try_next(self) -> None:
        if self._closed:
            return
        if self._next < len(self._addresses):
            self._next += 1
            self._take(*begin_connecting(*self._addresses[self._next - 1], self._keepalive))
        elif self._racing:
            return
        elif self._has_renewed:
            self._give_up(strerror(self._error))
        else:
            self._look_up_again()

    def _take(self, sock: socket | None, error: int) -> None:
        if sock is None and error in EXHAUSTED:
            self._next -= 1
            self._link.on_exhausted(strerror(error))
            self._set_timer(EXHAUSTED_PAUSE, self._try_next)
        elif sock is None or error not in (0, EALREADY):
            self._fail(sock, error)
        elif error:
            self._wait(sock)
        else:
            self._win(sock)

    def _wait(self, sock: socket) -> None:
        watcher = self._loop.io(sock.fileno(), WRITE)
        self._racing[sock] = watcher
        watcher.start(self._on_writable, sock)
        if self._next < len(self._addresses):
            self._set_timer(ATTEMPT_DELAY, self._try_next)

    def _set_timer(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        timer = self._loop.timer(seconds)
        self._timers.append(timer)
        timer.start(call, *args)

    def _on_writable(self, sock: socket) -> None:
        error = sock.getsockopt(SOL_SOCKET, SO_ERROR)
        _close(self._racing.pop(sock))
        if error:
            self._fail(sock, error)
        else:
            self._win(sock)

    def _fail(self, sock: socket | None, error: int) -> None:
        self._error = error
        if sock is not None:
            sock.close()
        self._try_next()

    def _win(self, sock: socket) -> None:
        self.close()
        self._link.on_connected(sock)

    def _give_up(self, reason: str) -> None:
        self.close()
        self._link.on_unreachable(reason)

    def _look_up_again(self) -> None:
        """Look the name up: the backend may have moved since. Give up if it has not."""
        self._has_renewed = True
        self._resolver.refresh(self._on_renewed)

    def _on_renewed(self, problem: str) -> None:
        if self._closed:
            return
        self._addresses = [one for one in self._resolver.addresses if one not in self._addresses]
        self._next = 0
        self._try_next()

    def close(self) -> None:
        """Stop trying."""
        self._closed = True
        if self._departure is not None:
            self._departure.stop()
        for timer in self._timers:
            _close(timer)
        for sock, watcher in self._racing.items():
            _close(watcher)
            sock.close()
        self._timers, self._racing = [], {}

    def leave_to_parent(self) -> None:
        """Close this process's copies of the sockets, for it is a child of a fork."""
        for sock in self._racing:
            sock.close()


def _close(watcher: Any) -> None:
    watcher.stop()
    watcher.close()
