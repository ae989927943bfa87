"""What is left of a link of which one stream was ended: the other stream, until all that is on its way has arrived.

A toxic or a behavior has ended that stream, and the connection to which it led is closed. Nothing more comes from
there, so the other stream ends, too, and its end goes through its toxics as any other. How long that takes is up to
them, and to the peer that reads.
"""

from __future__ import annotations

from typing import Protocol

from vaurien.engine.stream import Stream
from vaurien.engine.tls_socket import Connection
from vaurien.toxics.base import Ending


class LeavingLink(Protocol):
    """The part of a link that is needed until it has left."""

    def end(self, *, resets: bool = False) -> None:
        """Close what is still open; so that the peer sees a reset, if it *resets*."""

    def fail(self, plugin: object, error: Exception) -> None:
        """Warn that a toxic has raised an exception."""


class Leaving:
    """Owns the stream that is left, in the place of the link. The link ends with it."""

    __slots__ = ('_link', '_stream', 'closed')

    #: No greenlet waits for this stream: behaviors have ended.
    waiters = ()

    def __init__(self, link: LeavingLink, stream: Stream) -> None:
        self._link = link
        self._stream = stream
        #: Whether the link has ended.
        self.closed = False

    def stop(self) -> None:
        """Stop the stream, because the link ends."""
        self.closed = True
        self._stream.stop()

    def may_finish(self, stream: Stream) -> bool:
        """Return True: nothing else is waited for."""
        return True

    def on_finished(self, stream: Stream) -> bool:
        """End the link, for everything has arrived; return False: that tells the sink."""
        self._link.end()
        return False

    def on_toxic_ended(self, stream: Stream, ending: Ending) -> None:
        """End the link as a toxic says."""
        self._link.end(resets=ending is Ending.RESET)

    def on_broken(self, sock: Connection) -> None:
        """End the link, for its last peer has gone."""
        self._link.end()

    def reset(self) -> None:
        """End the link with a reset."""
        self._link.end(resets=True)

    def fail(self, plugin: object, error: Exception) -> None:
        """End the link with a reset, because a toxic has raised an exception."""
        self._link.fail(plugin, error)
        self.reset()

    def ignore(self, *args: object) -> None:
        """Do nothing: the stream reads no more, and nobody waits for it."""

    on_end = on_clear = begin_passage = changed = ignore
