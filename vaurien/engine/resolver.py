"""Where the backend is: its name is looked up now and then, and when it stops answering; never per connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vaurien.address import NOWHERE, Address, is_host, is_number
from vaurien.engine.lookup import look_up
from vaurien.records.proxy_log import ProxyLog


class Resolver:
    """Knows the socket addresses of a backend, in the order to try them."""

    def __init__(
        self,
        backend: Address,
        spawn: Callable[[Callable[[], None]], object],
        leads_back: Callable[[tuple[str, int]], bool],
        log: ProxyLog,
    ) -> None:
        """*spawn* runs a function in a greenlet. A host and a port that *leads_back* to the proxy is never used."""
        self._backend = backend
        self._spawn = spawn
        self._leads_back = leads_back
        self._log = log
        #: Whether the last look-up has only found the proxy itself.
        self._is_loop = False
        self._waiting: list[Callable[[str], None]] = []
        self._running = False
        self._timer: Any = None
        #: Pairs of address family and socket address; empty until the name was resolved.
        self.addresses: list[tuple[int, Any]] = []

    def renew(self, loop: Any, seconds: float) -> None:
        """Look the name up again every so many seconds, until `stop`."""
        self._timer = loop.timer(seconds, seconds)
        self._timer.start(self.refresh)

    def stop(self) -> None:
        """Look the name up no more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def refresh(self, then: Callable[[str], None] | None = None) -> None:
        """Look the name up in the background, a number at once; then call *then* with what went wrong, if anything."""
        if then is not None:
            self._waiting.append(then)
        if is_number(self._backend.host):
            self._refresh()
        elif not self._running:
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
        if self._backend == NOWHERE:
            return 'there is no backend'
        host, port = self._backend
        problem = f'cannot resolve {host}'
        if not is_host(host):
            self._log.warning('%s: not a host name', problem)
            return problem
        try:
            found = look_up(host, port)
        except OSError as error:
            self._log.warning('%s: %s', problem, error.strerror)
            return problem
        usable = [(family, address) for family, _, _, _, address in found if not self._leads_back(address[:2])]
        was_loop, self._is_loop = self._is_loop, not usable
        if self._is_loop:
            problem = f'{self._backend.written} leads back to the proxy itself'
            if not was_loop:
                self._log.warning('%s', problem)
            return problem
        self.addresses = usable
        return ''
