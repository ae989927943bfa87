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
from vaurien.rules.selector import Describe, Draws, Selector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vaurien.behaviors.dummy import Dummy
    from vaurien.engine.link import Link
    from vaurien.loads.plan import Plan
    from vaurien.protocols.base import BaseProtocol
    from vaurien.rules.rule import Rule
    from vaurien.settings import Settings


class Meeting:
    """A hit in progress, and the faults that it met."""

    def __init__(self) -> None:
        #: The texts of the requests that were hit.
        self.requests: set[str] = set()
        #: Whether one of them was made again.
        self.retried = False


class FaultProxy:
    """Serves from when it is entered until it is left."""

    def __init__(self, plan: Plan, stats: TestStats) -> None:
        """Raises `ConfigError`."""
        settings = read_words(plan.vaurien, plan.server_url)
        self._plan = plan
        self._stats = stats
        self._server = _Server(settings, self)
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
            user = current_user.get()
            if user is not None and isinstance(address, tuple) and address[1] == self._server.address.port:
                self._ports[sock.getsockname()[1]] = user.number
            return result

        return connect_and_note

    # What the proxy tells

    def on_fault(self, port: int, behavior: str, request: str) -> None:
        """A fault meets the connection from that port."""
        meeting = self.meeting(port)
        self._stats.add_fault(behavior, stray=meeting is None)
        if meeting is not None:
            meeting.requests.add(request)

    def on_closed(self, port: int) -> None:
        """The connection from that port is closed."""
        self._ports.pop(port, None)

    def meeting(self, port: int) -> Meeting | None:
        """The hit in progress of whoever connects from that port; None: nobody known, or none."""
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


class _Server(ProxyServer):
    """A proxy that tells which connection a fault is on."""

    def __init__(self, settings: Settings, owner: FaultProxy) -> None:
        self._owner = owner
        self._link_ports: dict[int, int] = {}
        super().__init__(settings)

    def arm(self, rules: Sequence[Rule]) -> None:
        super().arm(rules)
        if self.selector is not None:
            self.selector = _Selector(self.rules, self.seed, self)

    def open_link(self, client: Any) -> None:
        try:
            self._link_ports[self.links_total + 1] = client.getpeername()[1]
        except OSError:  # gone already
            self._link_ports[self.links_total + 1] = 0
        super().open_link(client)

    def on_closed(self, link: Link) -> None:
        super().on_closed(link)
        self._owner.on_closed(self._link_ports.pop(link.number))

    def prepare_fault(self, link: Link, exchange: int, behavior: Dummy, protocol: BaseProtocol) -> str:
        text = super().prepare_fault(link, exchange, behavior, protocol)
        self._owner.on_fault(self._link_ports[link.number], behavior.name, text)
        return text

    def on_request(self, link: int, request: bytes, describe: Describe) -> None:
        """A request has come, by whatever link: is it one that was hit before?"""
        meeting = self._owner.meeting(self._link_ports[link])
        if meeting is not None and meeting.requests and not meeting.retried:
            text, _ = describe(request)
            meeting.retried = text in meeting.requests


class _Selector(Selector):
    """Shows every request that it is asked about."""

    def __init__(self, rules: Sequence[Rule], seed: int, server: _Server) -> None:
        super().__init__(rules, seed)
        self.server = server

    def draws(self, link: int) -> Draws:
        return _Draws(self, link)


class _Draws(Draws):
    __slots__ = ('_server',)

    def __init__(self, selector: _Selector, link: int) -> None:
        super().__init__(selector, link)
        self._server = selector.server
        self.reads = True

    def draw(self, exchange: int, request: bytes = b'', describe: Describe | None = None) -> Rule | None:
        if describe is not None:
            self._server.on_request(self._link, request, describe)
        rule = super().draw(exchange, request, describe)
        self.quiet_until = 0
        return rule
