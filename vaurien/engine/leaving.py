"""What is left of a link of which one stream was ended: the other stream, until all that is on its way has arrived.

A toxic or a behavior has ended that stream, and the connection to which it led is closed. Nothing more comes from
there, so the other stream ends, too, and its end goes through its toxics as any other. How long that takes is up to
them, and to the peer that reads.

What that peer still sends leads nowhere. It is read all the same, and dropped: the kernel resets a connection that is
closed with bytes unread, and then what is on its way to the peer is lost. Besides, only who reads notices that the peer
has reset its connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from vaurien.engine.runtime import Runtime
from vaurien.engine.stream import Stream
from vaurien.engine.tls_socket import READ, Connection, TLSSocket
from vaurien.toxics.base import Ending

#: Just before the end, what has come meanwhile is dropped, too; but of a peer that sends all the time, only so many
#: chunks, for others wait.
LAST_READS = 16


class LeavingLink(Protocol):
    """The part of a link that is needed until it has left."""

    @property
    def waiters(self) -> Sequence[object]:
        """The greenlets that wait for `changed`."""

    def changed(self) -> None:
        """Wake the greenlets that wait for something to change."""

    def end(self, *, resets: bool = False) -> None:
        """Close what is still open; so that the peer sees a reset, if it *resets*."""

    def fail(self, plugin: object, error: Exception) -> None:
        """Warn that a toxic has raised an exception, and close what is still open."""


class Leaving:
    """Owns the stream that is left, in the place of the link. The link ends with it."""

    __slots__ = ('_buffer', '_link', '_peer', '_reader', '_stream', 'closed')

    def __init__(self, link: LeavingLink, stream: Stream, runtime: Runtime) -> None:
        """Take over the *stream*, and begin to read from its sink, from which nobody else reads any more."""
        self._link = link
        self._stream = stream
        self._peer = peer = stream.sink
        self._buffer = runtime.buffer
        #: Whether the link has ended.
        self.closed = False
        self._reader: Any = peer.watch() if isinstance(peer, TLSSocket) else runtime.loop.io(peer.fileno(), READ)
        self._reader.start(self._drop)

    def stop(self) -> None:
        """Stop the stream, because the link ends."""
        self.closed = True
        self._reader.close()
        self._stream.stop()

    @property
    def waiters(self) -> Sequence[object]:
        """The greenlets that wait for anything to change: not those of behaviors, which have ended."""
        return self._link.waiters

    def changed(self) -> None:
        """Wake them."""
        self._link.changed()

    @property
    def is_at_work(self) -> bool:
        """Whether a toxic waits for its time. A toxic that stops all data does not, nor does a peer that is slow."""
        chain = self._stream.chain
        return chain is not None and chain.is_timed

    def _drop(self) -> bool:
        """Drop some of what the peer has sent, or end the link if the peer has gone; return whether there was any."""
        try:
            count = self._peer.recv_into(self._buffer)
        except BlockingIOError:
            return False
        except OSError:
            self._link.end()
            return False
        if not count:
            self._reader.stop()
        return count > 0

    def may_finish(self, stream: Stream) -> bool:
        """Return True: nothing else is waited for."""
        return True

    def on_finished(self, stream: Stream) -> bool:
        """End the link, for everything has arrived; return False: that tells the sink."""
        for _ in range(LAST_READS):
            if not self._drop():
                break
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

    def ignore(self, *args: object) -> None:
        """Do nothing: the stream reads no more."""

    on_end = on_clear = begin_passage = ignore
