"""The time that a client waits before anything is done for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vaurien.engine.departure import Departure
from vaurien.engine.tls_socket import Connection


class Admission:
    """Lets a client wait until it is admitted."""

    def __init__(self, on_admitted: Callable[[], None]) -> None:
        self._on_admitted = on_admitted
        self._departure: Departure | None = None
        self._timer: Any = None

    def limit(self, seconds: float, client: Connection, loop: Any, on_left: Callable[[], None]) -> None:
        """Admit the client after so many *seconds*, unless it has left before that: then call *on_left*."""
        self._departure = Departure(client, loop, on_left)
        self._timer = loop.timer(seconds)
        self._timer.start(self.let_go)

    def let_go(self) -> None:
        """Admit the client now."""
        self.close()
        self._on_admitted()

    def close(self) -> None:
        """Stop waiting, and do not admit the client."""
        if self._departure is not None:
            self._departure.stop()
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()

    def leave_to_parent(self) -> None:
        """Do nothing: it has no descriptor of its own."""
