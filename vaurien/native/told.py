"""Who is told of the messages of a link that the pump lets pass, once they have passed."""

from __future__ import annotations

from typing import Protocol


class Told(Protocol):
    """Takes note of requests and replies, each of which is whole. It does nothing to any link meanwhile."""

    def on_whole_request(self, request: bytes, now: float) -> None:
        """Note a request, which has come at the time *now* of the monotonic clock, and for which there is a reply."""

    def on_whole_reply(self, reply: bytes, now: float) -> None:
        """Note the reply to the oldest of the requests that have none."""
