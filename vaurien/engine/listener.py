"""Accepts clients, in the event loop."""

from __future__ import annotations

import logging
from _socket import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE
from os import strerror
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPV6_V6ONLY,
    SHUT_RDWR,
    SO_REUSEADDR,
    SOL_SOCKET,
    TCP_NODELAY,
)

from gevent.server import StreamServer
from gevent.socket import socket as GeventSocket  # noqa: N812  # beside the plain one

from vaurien.address import Address
from vaurien.engine import loops
from vaurien.engine.dialer import EXHAUSTED_PAUSE, set_keepalive
from vaurien.engine.reserve import DESCRIPTORS

logger = logging.getLogger(__name__)

#: The machine has no such address: a name may have one of IPv6 though the machine does not.
_ABSENT = {EADDRNOTAVAIL, EAFNOSUPPORT}

#: How many free ports are tried until one is free at every address.
_ATTEMPTS = 20


class Listener:
    """Listens on one port of one or several addresses, and hands out raw, non-blocking sockets."""

    def __init__(
        self,
        addresses: Sequence[Address],
        backlog: int,
        keepalive: int,
        on_client: Callable[[socket], None],
        is_full: Callable[[], bool],
        find_targets: Callable[[], list[tuple[str, int]]],
    ) -> None:
        """Bind and listen at those of *addresses* that the machine has; raise `OSError`.

        *on_client* gets each client's socket; while *is_full* is true, clients wait in the backlog.
        *find_targets* returns where the clients are led.
        """
        self._find_targets = find_targets
        sockets = _bind(addresses)
        try:
            for sock in sockets:
                # Accepted sockets inherit the options.
                sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
                set_keepalive(sock, keepalive)
                sock.listen(backlog)
                sock.setblocking(False)
            #: Where it listens.
            self.addresses = tuple(Address(*sock.getsockname()[:2]) for sock in sockets)
            self._acceptors = [_Acceptor(sock, on_client, is_full, self.rest) for sock in sockets]
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

    def close(self) -> None:
        """Listen no more."""
        loops.discard(self)
        for acceptor in self._acceptors:
            acceptor.close()

    def leave_to_parent(self) -> None:
        """Close this process's copies of the sockets, for it is a child of a fork. Their event loop does not run."""
        loops.discard(self)
        for acceptor in self._acceptors:
            acceptor.socket.close()

    def rest(self, reason: str) -> None:
        """Leave the backlog alone for a moment, because the descriptors are used up."""
        logger.warning('clients have to wait: %s', reason)
        for acceptor in self._acceptors:
            acceptor.rest()

    def resume(self) -> None:
        """Accept again, for there is room for a client."""
        for acceptor in self._acceptors:
            acceptor.resume()


class _Acceptor(StreamServer):  # type: ignore[misc]  # gevent is not typed
    """A `StreamServer` that leaves the sockets that it has accepted open."""

    def __init__(
        self,
        listener: GeventSocket,
        on_client: Callable[[socket], None],
        is_full: Callable[[], bool],
        on_exhausted: Callable[[str], None],
    ) -> None:
        self._on_client = on_client
        self._is_full = is_full
        self._on_exhausted = on_exhausted
        super().__init__(listener, self._no_handle, spawn=None)

    @staticmethod
    def _no_handle(*args: object) -> None:
        raise AssertionError('do_handle takes the sockets')

    def full(self) -> bool:
        """Return whether there are as many links as are allowed: accepting stops until one is closed."""
        return self._is_full()

    def do_read(self) -> tuple[socket] | None:
        """Accept one client."""
        if not DESCRIPTORS.has_room(self.socket.fileno()):
            self._on_exhausted(strerror(EMFILE))
            return None
        try:
            descriptor, _ = self.socket._accept()
        except BlockingIOError:
            return None
        except OSError as error:
            self._on_exhausted(error.strerror or '')
            return None
        DESCRIPTORS.note(descriptor)
        client = socket(self.socket.family, self.socket.type, self.socket.proto, descriptor)
        client.setblocking(False)
        return (client,)

    def do_handle(self, client: socket) -> None:
        """Hand the client out."""
        self._on_client(client)

    def rest(self) -> None:
        """Accept nobody for a moment."""
        self.stop_accepting()
        self._timer = self.loop.timer(EXHAUSTED_PAUSE)
        self._timer.start(self._start_accepting_if_started)

    def resume(self) -> None:
        """Accept again."""
        self._start_accepting_if_started()

    def close(self) -> None:
        """Close the socket. It listens no more even if another process has a copy of it."""
        with suppress(OSError, AttributeError):  # it does not listen, or is closed
            self.socket.shutdown(SHUT_RDWR)
        super().close()


def _bind(addresses: Sequence[Address]) -> list[GeventSocket]:
    """Return sockets that are bound to one port of those of *addresses* that the machine has."""
    attempts = 1 if addresses[0].port else _ATTEMPTS
    while True:
        attempts -= 1
        try:
            return _bind_once(addresses)
        except OSError as error:
            # A port that is free at the first address may be in use at the next one.
            if error.errno != EADDRINUSE or not attempts:
                raise


def _bind_once(addresses: Sequence[Address]) -> list[GeventSocket]:
    bound: list[GeventSocket] = []
    absent: OSError | None = None
    try:
        for host, port in addresses:
            try:
                bound.append(_bind_socket(host, bound[0].getsockname()[1] if bound else port))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
    except BaseException:
        _close(bound)
        raise
    if absent is not None and not bound:
        raise absent
    return bound


def _bind_socket(host: str, port: int) -> GeventSocket:
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
