"""The HTTP server of the control API."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vaurien.address import Address
from vaurien.console.writer import count_lost
from vaurien.control.app import make_app
from vaurien.control.error_responses import encode_error
from vaurien.control.health import ROUTES
from vaurien.control.page import list_paths
from vaurien.control.routes import make_routes
from vaurien.control.sources import Sources
from vaurien.engine.proxies import Proxies
from vaurien.journal.kept import KeptEntries
from vaurien.journal.replay import Replay
from vaurien.live.live import Live
from vaurien.schedule.scheduler import Scheduler
from vaurien.web.guard import Guard
from vaurien.web.server import App, Malformed, WebServer

#: The most clients at a time. A test run needs a few; each takes one of the 1024 descriptors that a process often has.
MAX_CLIENTS = 128


class ControlServer(WebServer):
    """The server of the control API of *proxies*."""

    max_clients = MAX_CLIENTS
    malformed = Malformed('application/json', encode_error('header', '', 'malformed HTTP'))

    def __init__(
        self,
        proxies: Proxies,
        address: Address,
        scheduler: Scheduler | None = None,
        *,
        hosts: Sequence[str] = (),
        token: str | None = None,
        kept: KeptEntries | None = None,
        replay: Replay | None = None,
        count_lost: Callable[[], int] = count_lost,
    ) -> None:
        """Serve at *address*. *hosts* are more names of this machine; every request must carry the *token*.

        Without a *scheduler* of the proxies, there is one of its own. The other arguments are as in `Sources`.
        """
        super().__init__(address)
        scheduler = scheduler or Scheduler(proxies)
        self._live = Live(proxies, scheduler)
        self._sources = Sources(proxies, scheduler, self._live, kept, replay, count_lost)
        self._hosts = hosts
        self._token = token

    def make_app(self, bound: str) -> App:
        """Return the application, for a server that listens on the IP address *bound*."""
        public = {*ROUTES, *list_paths()}
        # Without a token, a page may reach a published port under a name of its own: DNS rebinding.
        is_strict = self._token is None
        guard = Guard(self.wanted.host, bound, self._hosts, self._token, is_strict=is_strict, public=public)
        return make_app(make_routes(self._sources), guard)

    def stop(self) -> None:
        """Close the listeners and every connection, and look at the proxies no more."""
        self._live.stop()
        super().stop()
