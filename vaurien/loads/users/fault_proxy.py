"""A proxy in front of the server, on the event loop of the users, and whose hits its faults met."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from vaurien.engine.proxy import ProxyServer
from vaurien.errors import StartError
from vaurien.explore.model import Failure
from vaurien.loads.stats import Met, Outcome, TestStats
from vaurien.loads.vaurien_flag import proxied_url, read_words
from vaurien.records.faults import Fault
from vaurien.records.observer import ObservedLink, Observer
from vaurien.settings import Settings

if TYPE_CHECKING:
    from vaurien.loads.plan import Plan
    from vaurien.loads.users.connections import Connections


class Meeting:
    """A hit in progress, and the faults that it met."""

    def __init__(self) -> None:
        #: The texts of the requests that met a fault.
        self._requests: set[str] = set()
        self._retried = False

    def add_fault(self, request: str) -> None:
        """Note a fault of a request."""
        self._requests.add(request)

    def add_request(self, describe: Callable[[], str]) -> None:
        """Note a request; *describe* returns its text, and is called only if that matters."""
        if self._requests and not self._retried:
            self._retried = describe() in self._requests

    def end(self, outcome: Outcome) -> Met | None:
        """Return what the test made of the faults, or None if there were none."""
        if not self._requests:
            return None
        if outcome in ('error', 'failure'):
            return 'failed'
        return 'retried' if self._retried else 'answered'


class FaultProxy(Observer):
    """Serves from when it is entered until it is left."""

    def __init__(self, plan: Plan, stats: TestStats, connections: Connections) -> None:
        """Prepare the proxy that the plan describes. Raise `ConfigError` if it describes none."""
        settings = read_words(plan.vaurien, plan.server_url)
        self._plan = plan
        self._stats = stats
        self._connections = connections
        self._server = self._make_server(settings)
        #: The local ports of the clients, by number of the link.
        self._ports: dict[int, int] = {}
        #: The hits in progress, by number of the user.
        self._meetings: dict[int, Meeting] = {}

    def _make_server(self, settings: Settings) -> ProxyServer:
        return ProxyServer(settings, self)

    def __enter__(self) -> FaultProxy:
        try:
            self._server.start()
        except OSError as error:
            raise StartError.of(error, self._server.address) from None
        self._connections.watch(self._server.address.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connections.unwatch()
        self._server.shut_down()

    @property
    def url(self) -> str:
        """The URL of the server, by way of the proxy."""
        return proxied_url(self._plan.server_url, self._server.settings.protocol, self._server.address)

    # What users report

    def begin_hit(self, user: int) -> None:
        """Note that a user begins a hit."""
        self._meetings[user] = Meeting()

    def end_hit(self, user: int, outcome: Outcome, failure: Failure | None) -> None:
        """Count the hit of a user if it met a fault. *failure* says why it has not succeeded."""
        met = self._meetings.pop(user).end(outcome)
        if met is not None:
            self._stats.end_meeting(met)

    def cut_hit(self, user: int) -> None:
        """Forget the hit of a user, which was cut off."""
        del self._meetings[user]

    # What the proxy reports

    def on_link(self, link: ObservedLink) -> None:
        address = link.client_address
        self._ports[link.number] = 0 if address is None else address.port  # the client has gone already

    def on_request(self, link: ObservedLink, exchange: int, describe: Callable[[], str]) -> None:
        meeting = self._find_meeting(link.number)
        if meeting is not None:
            meeting.add_request(describe)

    def on_fault(self, fault: Fault) -> None:
        meeting = self._find_meeting(fault.link)
        self._stats.add_fault(fault.behavior, stray=meeting is None)
        if meeting is not None:
            meeting.add_fault(fault.request)

    def on_closed(self, link: ObservedLink) -> None:
        self._connections.forget(self._ports.pop(link.number))

    def _find_meeting(self, link: int) -> Meeting | None:
        """Return the hit in progress of the client of a link, or None if client or hit is not known."""
        user = self._connections.find(self._ports.get(link, 0))  # a fault may be told of a link that has just closed
        return None if user is None else self._meetings.get(user)
