"""``server``: the HTTP server of `app`."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Sequence

import gevent
from gevent.event import Event

from vaurien import __version__
from vaurien.address import Address
from vaurien.clock import Clock
from vaurien.conntest.app import Responders, make_app
from vaurien.conntest.store import Store
from vaurien.conntest.upstream import Upstream
from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.limits import raise_descriptors
from vaurien.console.output import SERVING, print_line
from vaurien.console.signals import on_signals_in_loop
from vaurien.errors import StartError
from vaurien.web.guard import Guard
from vaurien.web.server import App, Malformed, WebServer

#: The most clients at a time. More of them wait to be accepted.
MAX_CLIENTS = 1000


def command(given: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM, and return 0; raise `StartError`."""
    log.set_up('debug' if given.verbose else 'info', '-', given.log_format)
    store = Store(given.max_groups, given.max_memory << 20)
    address = Address(given.host, given.port)
    server = ConnTestServer(store, address, fetches=not given.no_upstream, hosts=given.api_host)
    ended = Event()
    with in_background(log_format=given.log_format), on_signals_in_loop(ended.set):
        try:
            server.start()
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be encoded
            raise StartError.of(error, address) from None
        where = server.address if given.host else f'localhost:{server.address.port}, on all addresses'
        print_line(f'conntest {__version__}: http://{where}\n{SERVING}')
        ended.wait()
        server.stop()
        print_line(f'test groups: {len(store.groups)}, runs: {sum(group.count for group in store.groups)}')
    return 0


class ConnTestServer(WebServer):
    """The HTTP server over *store*.

    *fetches*: groups may have an upstream endpoint. *hosts* are more names of this machine.
    """

    #: A run has at most 1 MiB of data, but the connection that is tested may be a slow one.
    body_timeout = 3600.0
    malformed = Malformed('text/plain; charset=utf-8', b'malformed HTTP\n')

    def __init__(self, store: Store, address: Address, *, fetches: bool, hosts: Sequence[str] = ()) -> None:
        super().__init__(address)
        # For each client there may be a connection to an upstream endpoint.
        self.max_clients = min(MAX_CLIENTS, max(1, raise_descriptors(2 * MAX_CLIENTS) // 2))
        self._store = store
        self._hosts = (socket.gethostname(), *hosts)
        self._clock = Clock(gevent.get_hub().loop)
        self._upstream = Upstream(self.max_clients) if fetches else None

    def make_app(self, bound: str) -> App:
        """Return the API behind its guard."""
        responders = Responders(self._store, self._clock.sleep, self._upstream)
        return make_app(responders, Guard(self.wanted.host, bound, self._hosts, is_strict=True))

    def stop(self) -> None:
        """Stop serving and close every connection."""
        super().stop()
        self._clock.close()
        if self._upstream:
            self._upstream.close()
