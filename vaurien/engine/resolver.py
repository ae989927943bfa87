"""Where the backend is: its name is looked up once, and again when it stops answering; never per connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from socket import SOCK_STREAM
from typing import Any

from gevent.socket import getaddrinfo

from vaurien.address import Address, is_host

logger = logging.getLogger(__name__)


class Resolver:
    """Knows the socket addresses of a backend, in the order to try them."""

    def __init__(self, backend: Address, spawn: Callable[[Callable[[], None]], object]) -> None:
        """*spawn* runs a function in a greenlet."""
        self._backend = backend
        self._spawn = spawn
        self._waiting: list[Callable[[str], None]] = []
        self._running = False
        #: Pairs of address family and socket address; empty until the name was resolved.
        self.addresses: list[tuple[int, Any]] = []

    def refresh(self, then: Callable[[str], None] | None = None) -> None:
        """Look the name up in the background; then call *then* with what went wrong, empty if nothing did."""
        if then is not None:
            self._waiting.append(then)
        if not self._running:
            self._running = True
            self._spawn(self._refresh)

    def _refresh(self) -> None:
        problem = self.resolve()
        self._running = False
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then('' if self.addresses else problem)

    def resolve(self) -> str:
        """Look the name up now, in a greenlet; return what went wrong, if anything. The old addresses stay then."""
        host, port = self._backend
        problem = f'cannot resolve {host}'
        if not is_host(host):
            logger.warning('%s: not a host name', problem)
            return problem
        try:
            found = getaddrinfo(host, port, type=SOCK_STREAM)
        except OSError as error:
            logger.warning('%s: %s', problem, error.strerror)
            return problem
        self.addresses = [(family, address) for family, _, _, _, address in found]
        return ''
