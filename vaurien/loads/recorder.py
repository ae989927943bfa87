"""Where the clients of a test report what happens: nowhere under plain unittest, in statistics under load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


class Recorder:
    """A recorder that forgets everything; `users.locust_recorder` has the one that counts."""

    def fire(self, **request: Any) -> None:
        """Record a request that ended: the keywords of Locust's ``request`` event, with times in milliseconds."""

    def count(self, name: str, count: int) -> None:
        """Add *count* to a counter of the test."""

    def opened_websocket(self) -> None:
        """Record that a web socket opened."""

    def received(self, size_bytes: int) -> None:
        """Record a message that came over a web socket."""

    def adapt(self, session: requests.Session) -> None:
        """Make a new session as cheap as it can be."""

    def fast_session(self, server_url: str) -> Any:
        """Return a ``FastHttpSession`` of Locust that reports to nobody."""
        from vaurien.loads.users.patching import unpatched

        # Imported as late as this, because most tests do without.
        with unpatched():
            from locust.contrib.fasthttp import FastHttpSession
            from locust.event import EventHook

        return FastHttpSession(base_url=server_url, request_event=EventHook(), user=None)
