"""Where the backend is: its name looked up once, and again when it changes or stops answering; never per connection."""

from __future__ import annotations

import logging
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any

from gevent.socket import getaddrinfo

from vaurien.address import Address, is_host

if TYPE_CHECKING:
    from vaurien.engine.dialer import Dialer
    from vaurien.engine.proxy import ProxyServer

logger = logging.getLogger(__name__)


class Resolver:
    """The backend's socket addresses, in the order to try them."""

    def __init__(self, proxy: ProxyServer, backend: Address) -> None:
        self._proxy = proxy
        self._backend = backend
        self._waiting: list[Dialer] = []
        self._running = False
        #: Pairs of address family and socket address; empty until the name was resolved.
        self.addresses: list[tuple[int, Any]] = []

    def refresh(self, dialer: Dialer | None = None) -> None:
        """Look the name up in the background; then let *dialer* try again."""
        if dialer is not None:
            self._waiting.append(dialer)
        if not self._running:
            self._running = True
            self._proxy.spawn(self._refresh)

    def _refresh(self) -> None:
        problem = self.resolve()
        self._running = False
        waiting, self._waiting = self._waiting, []
        for dialer in waiting:
            if dialer.closed:
                continue
            if self.addresses:
                dialer.dial()
            else:
                dialer.give_up(problem)

    def resolve(self) -> str:
        """Look the name up now, in a greenlet; what went wrong, if anything did. The old addresses stay then."""
        host, port = self._backend
        problem = f'cannot resolve {host}'
        if not is_host(host):
            logger.warning('%s: no name of a host', problem)
            return problem
        try:
            found = getaddrinfo(host, port, type=SOCK_STREAM)
        except OSError as error:
            logger.warning('%s: %s', problem, error.strerror)
            return problem
        self.addresses = [(family, address) for family, _, _, _, address in found]
        return ''
