"""The users of the connections that the proxy sees, found by the local port of the client."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

from vaurien.loads.users.user import current_user


class Connections:
    """The connections of users to one port, and the processes of their commands."""

    def __init__(self) -> None:
        #: The users by local port.
        self._users: dict[int, int] = {}
        #: The sockets that are being connected, with their users.
        self._connecting: dict[socket.socket, int] = {}
        #: The users by the process of their command.
        self._commands: dict[int, int] = {}
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

    def begin_command(self, pid: int, user: int) -> None:
        """Note that the process *pid* runs the command of a user."""
        self._commands[pid] = user

    def end_command(self, pid: int) -> None:
        """Note that the process has ended."""
        del self._commands[pid]

    def find(self, port: int) -> int | None:
        """Return the number of the user that has the connection from that local port, or None if nobody is known."""
        if port not in self._users:
            user = self._find_connecting(port)
            if user is None and self._commands:
                user = self._find_command(port)
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

    def _find_command(self, port: int) -> int | None:
        for pid, user in self._commands.items():
            try:
                root = psutil.Process(pid)
                for process in (root, *root.children(recursive=True)):
                    if any(one.laddr.port == port for one in process.net_connections('tcp')):
                        return user
            except psutil.Error:  # it has just ended
                continue
        return None
