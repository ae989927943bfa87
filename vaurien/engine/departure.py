"""Notices that a client has left while its link is not reading from it: nobody is to wait for a peer that is gone."""

from __future__ import annotations

from collections.abc import Callable
from socket import MSG_PEEK
from typing import Any

from vaurien.engine.kernel import is_reset
from vaurien.engine.tls_socket import READ, Connection

#: Seconds between two looks at a client that has sent something: the event loop tells only that there is something to
#: read, which is true all the time.
INTERVAL = 0.2


class Departure:
    """Watches the connection of a client, reads nothing from it, and makes a call once if the client leaves.

    A client that has sent something and then ended its stream may still wait for the reply (RFC 9293, 3.6): it has left
    only if its connection is reset.
    """

    def __init__(self, client: Connection, loop: Any, on_left: Callable[[], None]) -> None:
        self._client = client
        self._loop = loop
        self._on_left = on_left
        self._timer: Any = None
        self._watcher: Any = loop.io(client.fileno(), READ)
        self._watcher.start(self._on_readable)

    def stop(self) -> None:
        """Watch no more."""
        for watcher in (self._watcher, self._timer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._watcher = self._timer = None

    def _on_readable(self) -> None:
        try:
            has_sent = bool(self._client.recv(1, MSG_PEEK))
        except BlockingIOError:
            return
        except OSError:
            has_sent = False
        if not has_sent:
            self._leave()
            return
        self._watcher.stop()
        self._timer = self._loop.timer(INTERVAL, INTERVAL)
        self._timer.start(self._look)

    def _look(self) -> None:
        if is_reset(self._client):
            self._leave()

    def _leave(self) -> None:
        self.stop()
        self._on_left()
