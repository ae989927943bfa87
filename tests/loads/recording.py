"""A recorder that keeps what it is told."""

from __future__ import annotations

from typing import Any

from vaurien.loads.recorder import Recorder


class Recording(Recorder):
    """Keeps requests, counters, and the messages of web sockets."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.counters: list[tuple[str, int]] = []
        self.websockets = 0
        self.sizes: list[int] = []
        self.adapted: list[Any] = []

    def fire(self, **request: Any) -> None:
        self.requests.append(request)

    def count(self, name: str, count: int) -> None:
        self.counters.append((name, count))

    def opened_websocket(self) -> None:
        self.websockets += 1

    def received(self, size_bytes: int) -> None:
        self.sizes.append(size_bytes)

    def adapt(self, session: Any) -> None:
        self.adapted.append(session)
