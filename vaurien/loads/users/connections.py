"""The users of the connections that the proxy sees, found by the local port of the client."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import Any

import psutil

from vaurien.loads.case import LOADS_USER
from vaurien.loads.users.user import current_user


class Connections:
    """The connections of users and of their commands to one port."""

    def __init__(self) -> None:
        #: The users by local port.
        self._users: dict[int, int] = {}
        #: The sockets that are being connected, with their users.
        self._connecting: dict[socket.socket, int] = {}
        #: The number of commands that run.
        self._commands = 0
        self._connect: Any = None

    def watch(self, port: int) -> None:
        """Note from now on which user connects to *port*.

        This replaces a method of every socket in the process, because the client may belong to any library. Neither the
        kernel nor gevent knows which greenlet a socket belongs to, and the audit event ``socket.connect`` comes before
        the socket has a local port, in a hook that cannot be removed.
        """
        self._connect = socket.socket.connect
        socket.socket.connect = self._noting(self._connect, port)  # type: ignore[method-assign]

    def unwatch(self) -> None:
        """Put the method back that `watch` replaced."""
        socket.socket.connect = self._connect  # type: ignore[method-assign]

    @contextmanager
    def running_command(self) -> Iterator[None]:
        """Note that a command runs, with `LOADS_USER` in its environment."""
        self._commands += 1
        try:
            yield
        finally:
            self._commands -= 1

    def find(self, port: int) -> int | None:
        """Return the number of the user that has the connection from that local port, or None if nobody is known."""
        if port not in self._users:
            user = self._find_connecting(port)
            if user is None and self._commands:
                user = _find_command(port)
            if user is not None:
                self._users[port] = user
        return self._users.get(port)

    def forget(self, port: int) -> None:
        """Note that the connection from that local port is closed."""
        self._users.pop(port, None)

    def _noting(self, connect: Callable[..., Any], port: int) -> Callable[..., Any]:
        def connect_and_note(sock: socket.socket, address: Any) -> Any:
            user = current_user()
            if user is None or not isinstance(address, tuple) or address[1] != port:
                return connect(sock, address)
            self._connecting[sock] = user.number
            try:
                result = connect(sock, address)
                self._users[sock.getsockname()[1]] = user.number
            finally:
                del self._connecting[sock]
            return result

        return connect_and_note

    def _find_connecting(self, port: int) -> int | None:
        """Find a client that the proxy has accepted before the client itself knows."""
        for sock, user in self._connecting.items():
            with suppress(OSError):  # closed meanwhile
                if sock.getsockname()[1] == port:
                    return user
        return None


def _find_command(port: int) -> int | None:
    """Return the user whose command has the connection from that local port, or None.

    It is in the environment of the command, which may have begun before anything else is known of it here.
    """
    this = psutil.Process()
    for process in this.children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if any(one.laddr.port == port for one in process.net_connections('tcp')):
                return _find_user(process, this)
    return None


def _find_user(process: psutil.Process, this: psutil.Process) -> int | None:
    """Return the user of the command that has started *process*: it is a child of *this* one, which has named him."""
    command = [process, *takewhile(lambda one: one != this, process.parents())][-1]
    user = command.environ().get(LOADS_USER)
    return None if user is None else int(user)
