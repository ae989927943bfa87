"""A proxy in front of the server, on the event loop of the users, and whose hits its faults met.

Whose a connection is: a user's is known by its local port, which is noted when it connects; that of a command's by the
process that holds it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import psutil

from vaurien.engine.proxy import ProxyServer
from vaurien.errors import StartError
from vaurien.loads.stats import Met, Outcome, TestStats
from vaurien.loads.users.user import current_user
from vaurien.loads.vaurien_flag import proxied_url, read_words
from vaurien.records.faults import Fault
from vaurien.records.observer import ObservedLink, Observer

if TYPE_CHECKING:
    from vaurien.loads.plan import Plan


class Meeting:
    """A hit in progress, and the faults that it met."""

    def __init__(self) -> None:
        #: The texts of the requests that were hit.
        self.requests: set[str] = set()
        #: Whether one of them was made again.
        self.retried = False


class FaultProxy(Observer):
    """Serves from when it is entered until it is left."""

    def __init__(self, plan: Plan, stats: TestStats) -> None:
        """Raises `ConfigError`."""
        settings = read_words(plan.vaurien, plan.server_url)
        self._plan = plan
        self._stats = stats
        self._server = ProxyServer(settings, self)
        #: The local ports of the clients, by number of the link.
        self._clients: dict[int, int] = {}
        #: By number of the user.
        self._meetings: dict[int, Meeting] = {}
        #: Users by local port, and by the process of their command.
        self._ports: dict[int, int] = {}
        self._commands: dict[int, int] = {}
        self._connect: Any = None

    def __enter__(self) -> FaultProxy:
        try:
            self._server.start()
        except OSError as error:
            raise StartError.of(error, self._server.address) from None
        self._connect = socket.socket.connect
        socket.socket.connect = self._noting(self._connect)  # type: ignore[method-assign]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        socket.socket.connect = self._connect  # type: ignore[method-assign]
        self._server.shut_down()

    @property
    def url(self) -> str:
        """The server's, by way of the proxy."""
        return proxied_url(self._plan.server_url, self._server.settings.protocol, self._server.address)

    # What users tell

    def begin_hit(self, user: int) -> None:
        """That user begins a hit."""
        self._meetings[user] = Meeting()

    def end_hit(self, user: int, outcome: Outcome) -> None:
        """That user's hit came to its end."""
        meeting = self._meetings.pop(user)
        if meeting.requests:
            failed = outcome in ('error', 'failure')
            met: Met = 'failed' if failed else 'retried' if meeting.retried else 'answered'
            self._stats.end_meeting(met)

    def begin_command(self, pid: int, user: int) -> None:
        """That user's hit is that process."""
        self._commands[pid] = user

    def end_command(self, pid: int) -> None:
        """It has ended."""
        del self._commands[pid]

    def _noting(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        def connect_and_note(sock: socket.socket, address: Any) -> Any:
            result = connect(sock, address)
            user = current_user()
            if user is not None and isinstance(address, tuple) and address[1] == self._server.address.port:
                self._ports[sock.getsockname()[1]] = user.number
            return result

        return connect_and_note

    # What the proxy tells

    def on_link(self, link: ObservedLink) -> None:
        address = link.client_address
        self._clients[link.number] = 0 if address is None else address.port  # gone already

    def on_request(self, link: ObservedLink, exchange: int, describe: Callable[[], str]) -> None:
        """Find out whether a request is one that was hit before, by whatever link it comes."""
        meeting = self._find_meeting(link.number)
        if meeting is not None and meeting.requests and not meeting.retried:
            meeting.retried = describe() in meeting.requests

    def on_fault(self, fault: Fault) -> None:
        self._stats.faults[fault.behavior] = self._stats.faults.get(fault.behavior, 0) + 1
        meeting = self._find_meeting(fault.link)
        if meeting is None:
            self._stats.stray_faults += 1
        else:
            meeting.requests.add(fault.request)

    def on_closed(self, link: ObservedLink) -> None:
        self._ports.pop(self._clients.pop(link.number), None)

    def _find_meeting(self, link: int) -> Meeting | None:
        """Return the hit in progress of the client of a link; None if the client or its hit is not known."""
        port = self._clients.get(link, 0)  # a fault may be told of a link that has just closed
        if port not in self._ports and self._commands:
            owner = self._find_command(port)
            if owner is not None:
                self._ports[port] = owner
        return self._meetings.get(self._ports.get(port, -1))

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
