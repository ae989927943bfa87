"""Accepts clients, in the event loop."""

from __future__ import annotations

import struct
from _socket import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EMFILE
from math import inf
from os import strerror
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPV6_V6ONLY,
    SHUT_RD,
    SHUT_RDWR,
    SO_LINGER,
    SO_REUSEADDR,
    SOL_SOCKET,
    TCP_NODELAY,
)
from time import monotonic
from typing import Any

from gevent.server import StreamServer
from gevent.socket import socket as GeventSocket  # noqa: N812  # beside the plain one

from vaurien.address import Address
from vaurien.console.limits import EXHAUSTED, LOST
from vaurien.engine import loops
from vaurien.engine.dialer import EXHAUSTED_PAUSE
from vaurien.engine.kernel import find_unheard, open_socket, set_keepalive
from vaurien.engine.reserve import DESCRIPTORS
from vaurien.plugins.stage import Door
from vaurien.records.proxy_log import ProxyLog
from vaurien.web.listening import bind_everywhere

#: The value of SO_LINGER with which closing a socket resets the connection: on, after 0 seconds.
RESET = struct.pack('ii', 1, 0)

#: Where those who listen on all addresses of the machine are reached from inside.
_ANY = {'0.0.0.0': '127.0.0.1', '::': '::1'}

#: Seconds from one warning that clients have to wait to the next.
WARN_INTERVAL = 30.0


class Listener:
    """Listens on one port of one or several addresses, and hands out raw, non-blocking sockets."""

    #: When it was logged that clients have to wait.
    _warned = -inf

    def __init__(
        self,
        addresses: Sequence[Address],
        backlog: int,
        keepalive: int,
        timeout: float,
        on_client: Callable[[socket], None],
        accept_bare: Callable[[int], bool],
        is_full: Callable[[], bool],
        find_targets: Callable[[], list[tuple[str, int]]],
        log: ProxyLog,
    ) -> None:
        """Bind and listen at those of *addresses* that the machine has; raise `OSError`.

        *on_client* gets each client's socket, unless *accept_bare* has accepted the clients that wait at a descriptor:
        it returns whether it has. While *is_full* is true, clients wait, for *timeout* seconds at most.
        *find_targets* returns where the clients are led. *log* is that of the proxy.
        """
        self._find_targets = find_targets
        self._log = log
        sockets = bind_everywhere([host for host, _ in addresses], addresses[0].port, _bind_socket)
        try:
            for sock in sockets:
                # Accepted sockets inherit the options.
                sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
                set_keepalive(sock, keepalive)
                sock.listen(backlog)
                sock.setblocking(False)
            #: Where it listens.
            self.addresses = tuple(Address(*sock.getsockname()[:2]) for sock in sockets)
            self._acceptors = [
                _Acceptor(sock, backlog, timeout, on_client, accept_bare, is_full, self.rest, log) for sock in sockets
            ]
        except BaseException:  # such as the port being in use by who has not listened before
            _close(sockets)
            raise

    @property
    def targets(self) -> list[tuple[str, int]]:
        """The hosts and ports to which the clients are led, as far as they are known."""
        return self._find_targets()

    def start(self) -> None:
        """Begin to accept."""
        loops.add(self)
        for acceptor in self._acceptors:
            acceptor.start()

    def set_door(self, door: Door) -> None:
        """Answer clients that connect in another way, from now on. Raise `OSError` if the port was lost meanwhile."""
        for acceptor in self._acceptors:
            acceptor.set_door(door)

    def close(self) -> None:
        """Listen no more."""
        loops.discard(self)
        for acceptor in self._acceptors:
            acceptor.close()

    def leave_to_parent(self) -> None:
        """Close this process's copies of the sockets, for it is a child of a fork. Their event loop does not run."""
        loops.discard(self)
        for acceptor in self._acceptors:
            acceptor.leave_to_parent()

    def rest(self, reason: str) -> None:
        """Leave the backlog alone for a moment, because the descriptors are used up. Warn of that now and then."""
        now = monotonic()
        if now >= self._warned + WARN_INTERVAL:
            self._warned = now
            self._log.warning('clients have to wait: %s', reason)
        for acceptor in self._acceptors:
            acceptor.rest()

    def resume(self) -> None:
        """Accept again, for there is room for a client."""
        for acceptor in self._acceptors:
            acceptor.resume()


class _Acceptor(StreamServer):  # type: ignore[misc]  # gevent is not typed
    """A `StreamServer` that leaves the sockets that it has accepted open.

    With as many links as may be, it keeps the client whose turn is next, and the others wait in the backlog. It does so
    without descriptors, too, from when that client may have waited for too long. Such a client is reset: it may itself
    be what takes up the room, as in a loop of proxies.
    """

    def __init__(
        self,
        listener: GeventSocket,
        backlog: int,
        timeout: float,
        on_client: Callable[[socket], None],
        accept_bare: Callable[[int], bool],
        is_full: Callable[[], bool],
        on_exhausted: Callable[[str], None],
        log: ProxyLog,
    ) -> None:
        """Accept from *listener*. No client waits for longer than *timeout* seconds."""
        self._backlog = backlog
        self._door = Door.OPEN
        #: A connection of its own, which fills the backlog.
        self._stopper: socket | None = None
        self._on_client = on_client
        self._accept_bare = accept_bare
        self._is_full = is_full
        self._on_exhausted = on_exhausted
        self._log = log
        self._timeout = timeout
        #: The client whose turn is next, and the timer that ends its wait.
        self._next: socket | None = None
        self._next_timer: Any = None
        #: Since when no client could be accepted for want of descriptors.
        self._exhausted_since: float | None = None
        super().__init__(listener, self._no_handle, spawn=None)

    @staticmethod
    def _no_handle(*args: object) -> None:
        raise AssertionError('do_handle takes the sockets')

    def do_read(self) -> tuple[socket] | None:
        """Accept one client, or all that wait if their links may be bare. Keep it if there is no room."""
        has_room = DESCRIPTORS.has_room(self.socket.fileno())
        if has_room:
            self._exhausted_since = None
        elif not self._may_be_late() or not DESCRIPTORS.may_keep(self.socket.fileno()):
            self._on_exhausted(strerror(EMFILE))
            return None
        if has_room and self._stopper is None and self._accept_bare(self.socket.fileno()):
            return None
        try:
            descriptor, _ = self.socket._accept()
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._on_exhausted(error.strerror or '')
            elif error.errno not in LOST:
                raise
            return None
        client = socket(self.socket.family, self.socket.type, self.socket.proto, descriptor)
        client.setblocking(False)
        DESCRIPTORS.note(descriptor)
        if self._stopper is not None and _joins(client, self._stopper):
            client.close()
            self._remove_stopper()
            return None
        if not has_room:
            self._on_exhausted(strerror(EMFILE))
            self._keep(client)
            return None
        if not self._is_full():
            return (client,)
        self._keep(client)
        self.stop_accepting()
        return None

    def do_handle(self, client: socket) -> None:
        """Hand the client out."""
        self._on_client(client)

    def _may_be_late(self) -> bool:
        """Return whether there has been no descriptor for so long that a client may have waited for too long."""
        now = monotonic()
        if self._exhausted_since is None:
            self._exhausted_since = now
        return now - self._exhausted_since >= self._timeout

    def _keep(self, client: socket) -> None:
        waited = find_unheard(client) / 1000
        self._next = client
        self._next_timer = self.loop.timer(max(0.0, self._timeout - waited))
        self._next_timer.start(self._turn_away)

    def _take(self) -> socket | None:
        client, self._next = self._next, None
        if self._next_timer is not None:
            self._next_timer.stop()
            self._next_timer.close()
            self._next_timer = None
        return client

    def _turn_away(self) -> None:
        client = self._take()
        if client is not None:
            turn_away(client, self._timeout, self._log)
        self._start_accepting_if_started()

    def set_door(self, door: Door) -> None:
        """Answer clients in another way. Raise `OSError` if the port was lost while the door was closed."""
        if door is self._door:
            return
        sock = self.socket
        if self._door is Door.CLOSED:
            sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # as the connections have that were accepted before
        if self._door is not Door.OPEN:
            sock.listen(self._backlog)
        self._door = door
        if door is Door.OPEN:
            self.resume()
            return
        self.stop_accepting()
        if door is Door.SILENT:
            # The kernel drops a SYN while the backlog is full, and one connection fills the smallest.
            sock.listen(0)
            self._stopper = self._stopper or _connect_to(sock)
        else:
            self._remove_stopper()
            sock.shutdown(SHUT_RD)
            # Else somebody else who sets it could listen on the port, too.
            sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 0)

    def _remove_stopper(self) -> None:
        stopper, self._stopper = self._stopper, None
        if stopper is not None:
            stopper.close()

    def start_accepting(self) -> None:
        """Accept, if the door is open."""
        if self._door is Door.OPEN:
            super().start_accepting()

    def leave_to_parent(self) -> None:
        """Close this process's copies of the sockets, for it is a child of a fork."""
        self.socket.close()
        self._remove_stopper()

    def rest(self) -> None:
        """Accept nobody for a moment."""
        self.stop_accepting()
        self._timer = self.loop.timer(EXHAUSTED_PAUSE)
        self._timer.start(self.resume)

    def resume(self) -> None:
        """Accept again, the client that was kept before others."""
        if not self.started:
            return
        if self._next is not None:
            if self._is_full():
                return
            if not DESCRIPTORS.has_room(self.socket.fileno()):
                self.rest()
                return
            client = self._take()
            assert client is not None
            self._exhausted_since = None
            self._on_client(client)
        self._start_accepting_if_started()

    def close(self) -> None:
        """Close the socket. It listens no more even if another process has a copy of it."""
        client = self._take()
        if client is not None:
            client.close()
        self._remove_stopper()
        with suppress(OSError, AttributeError):  # it does not listen, or is closed
            self.socket.shutdown(SHUT_RDWR)
        super().close()


def turn_away(client: socket, timeout: float, log: ProxyLog) -> None:
    """Reset a client for which there was no room for *timeout* seconds, and say so."""
    log.warning('a client was reset: there was no room for it within %g s', timeout)
    client.setsockopt(SOL_SOCKET, SO_LINGER, RESET)
    client.close()


def _joins(accepted: socket, connecting: socket) -> bool:
    """Return whether these are the two ends of one connection."""
    try:
        return bool(accepted.getpeername() == connecting.getsockname())
    except OSError:  # it has gone
        return False


def _connect_to(listener: GeventSocket) -> socket:
    """Return a socket that has begun to connect to *listener*."""
    host, port = listener.getsockname()[:2]
    sock = open_socket(listener.family)
    sock.connect_ex((_ANY.get(host, host), port))
    return sock


def _bind_socket(host: str, port: int) -> GeventSocket:
    """Return a socket that is bound to *port* by its number: only such a one keeps it while it does not listen."""
    if port:
        return _bind_to(host, port)
    holder = _bind_to(host, port)
    try:
        return _bind_to(host, holder.getsockname()[1])
    finally:
        holder.close()


def _bind_to(host: str, port: int) -> GeventSocket:
    family = AF_INET6 if ':' in host else AF_INET
    sock = GeventSocket(family)
    try:
        if family == AF_INET6:
            sock.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)  # ``::`` is for IPv4, too
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as error:  # such as the port being in use
        sock.close()
        raise OSError(error.errno, error.strerror, str(Address(host, port))) from None
    return sock


def _close(sockets: Sequence[GeventSocket]) -> None:
    for sock in sockets:
        sock.close()
