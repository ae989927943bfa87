"""Passing a reply up to a place in it."""

from __future__ import annotations

from vaurien.framing.finder import Finder
from vaurien.plugins.end import End


def pass_up_to(finder: Finder, client: End, backend: End) -> tuple[bytes, bytes] | None:
    """Send the client the reply up to the place of *finder*, but for the last piece; return this piece.

    Return also what has arrived of the reply behind the place. Return None if the reply has ended before, and was sent.
    """
    while reply := backend.recv():
        place = finder.feed(reply)
        if not finder.left:
            return reply[:place], reply[place:]
        client.sendall(reply)
    return None
