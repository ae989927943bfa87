"""What stands in the place of the listener in a worker: the parent listens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vaurien.address import Address
from vaurien.engine.listener import Listener
from vaurien.records.proxy_log import ProxyLog


class Intake(Listener):
    """A listener without a socket: the parent listens, and gives the clients to the proxy itself."""

    def __init__(
        self,
        addresses: Sequence[Address],
        find_targets: Callable[[], list[tuple[str, int]]],
        on_rest: Callable[[], object],
        log: ProxyLog,
    ) -> None:
        """Stand for a listener of the parent at *addresses*. *on_rest* leaves clients to the parent for a moment."""
        self.addresses = tuple(addresses)
        self._find_targets = find_targets
        self._acceptors = []
        self._on_rest = on_rest
        self._log = log

    def rest(self, reason: str) -> None:
        """Leave clients to the parent for a moment, because the descriptors are used up."""
        super().rest(reason)
        self._on_rest()
