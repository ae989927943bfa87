"""The HTTP server of the control API."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.address import Address
from vaurien.control.app import encode_error, make_app
from vaurien.control.routes import make_routes
from vaurien.engine.proxies import Proxies
from vaurien.web.guard import Guard
from vaurien.web.server import App, Malformed, WebServer

#: A test run needs a handful, and each costs one file descriptor of the 1024 that a process usually has.
MAX_CLIENTS = 128


class ControlServer(WebServer):
    """The control API of *proxies*."""

    max_clients = MAX_CLIENTS
    malformed = Malformed('application/json', encode_error('header', '', 'malformed HTTP'))

    def __init__(
        self, proxies: Proxies, address: Address, *, hosts: Sequence[str] = (), token: str | None = None
    ) -> None:
        """*hosts*: more names by which it may be reached; *token*: what whoever asks has to know."""
        super().__init__(address)
        self._proxies = proxies
        self._hosts = hosts
        self._token = token

    def make_app(self, bound: str) -> App:
        """The API, for those who may ask."""
        return make_app(make_routes(self._proxies), Guard(self.wanted.host, bound, self._hosts, self._token))
