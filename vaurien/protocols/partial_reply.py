"""Passing a reply up to a place in it."""

from __future__ import annotations

from collections.abc import Iterator

from vaurien.framing.finder import Finder
from vaurien.plugins.end import End


def take_up_to(finder: Finder, backend: End) -> Iterator[bytes]:
    """Yield the reply as it arrives, up to the place of *finder* or to its end: `Finder.left` tells which it was."""
    while finder.left and (reply := backend.recv()):
        yield reply[: finder.feed(reply)]


def pass_up_to(finder: Finder, client: End, backend: End) -> bytes | None:
    """Send the client the reply up to the place of *finder*, but for the last piece of that; return this piece.

    Return None if the reply has ended before, and was sent whole.
    """
    for piece in take_up_to(finder, backend):
        if not finder.left:
            return piece
        client.sendall(piece)
    return None
