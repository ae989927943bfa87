"""Where a test tells what happens in it: nowhere under plain unittest, in the statistics under ``loads-runner``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


class Recorder:
    """Takes what happens and forgets it; the engine has one that counts."""

    def fire(self, **request: Any) -> None:
        """One request is over: the keywords of Locust's ``request`` event, times in milliseconds."""

    def count(self, name: str, count: int) -> None:
        """A counter of the test's own goes up."""

    def opened_websocket(self) -> None:
        """A web socket is open."""

    def received(self, size_bytes: int) -> None:
        """A message came in over a web socket."""

    def adapt(self, session: requests.Session) -> None:
        """Make a new session as cheap as it can be."""

    def fast_session(self, server_url: str) -> Any:
        """Locust's ``FastHttpSession``, outside the engine one that reports to nobody."""
        from vaurien.loads.fastsession import make_unpatched

        return make_unpatched(server_url)
