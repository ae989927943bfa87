"""What a link does with its bytes beyond moving them: the interface, and the usual case, which is nothing."""

from __future__ import annotations

from typing import Protocol

from vaurien import native
from vaurien.engine.arming import Arming
from vaurien.engine.kernel import find_silence
from vaurien.engine.runtime import Runtime
from vaurien.engine.stream import Stream
from vaurien.records.observer import ObservedLink

#: The kernel counts milliseconds of silence in ticks of up to 10 ms, and a fast backend replies within one. If both
#: peers spoke in the same tick, nobody knows who was last: for this many milliseconds the client is taken to be.
TIE_MS = 250


class TrafficLink(ObservedLink, Protocol):
    """The part of a link that its traffic needs, and the ends that the traffic makes."""

    @property
    def up(self) -> Stream:
        """The stream from the client to the backend."""

    @property
    def down(self) -> Stream:
        """The stream from the backend to the client."""

    @property
    def closed(self) -> bool:
        """Whether both connections are closed."""

    @property
    def has_backend(self) -> bool:
        """Whether it is joined to a backend, and not to what stands in the place of one."""

    @property
    def stale(self) -> bool:
        """Whether the proxy has another backend by now."""

    @property
    def runtime(self) -> Runtime:
        """The event loop, greenlets and clock."""

    @property
    def arming(self) -> Arming:
        """The rules at work."""

    def secure_client(self, began: bytes) -> None:
        """Begin TLS with the client, in the calling greenlet; *began* is what it has sent of that."""

    def secure_backend(self, question: bytes, problem: str) -> None:
        """Ask the backend for TLS, which then begins, unless there is a *problem*; likewise."""

    def wait(self) -> None:
        """Let the calling greenlet sleep until anything changes on the link."""

    def changed(self) -> None:
        """Wake the greenlets that wait."""

    def retire(self) -> None:
        """Go to the proxy's new backend, or close, once no exchange is open."""

    def on_opaque(self, reason: str) -> None:
        """Handle that the framing has ended, because of the protocol itself."""

    def simplify(self) -> None:
        """Look at the bytes no more if nothing needs that."""

    def break_off(self, stream: Stream) -> None:
        """Reset both connections, for the source of *stream* is broken, when its toxics have let go."""

    def close_behind(self, stream: Stream) -> None:
        """Close both connections; what waits in the toxics of *stream* arrives before."""

    def reset(self) -> None:
        """Close both connections so that the peers see a reset."""

    def fail(self, plugin: object, error: BaseException) -> None:
        """Reset, because a protocol has raised an exception."""


class Traffic:
    """Does nothing to the bytes: they have no messages, and each chunk from the client counts as an exchange.

    This is also the base of what does more. It has no state, so that one object, `PLAIN`, serves every link.
    """

    __slots__ = ()

    # What a link asks

    #: Whether messages are unknown.
    is_opaque: bool = True
    #: Whether no exchange is open, and everything has been sent on.
    is_idle: bool = True
    #: Whether the link may go on with another backend without the client noticing.
    is_movable: bool = False
    #: The name of the behavior that is applied, or about to be.
    doing: str | None = None

    def count_exchanges(self, up: Stream) -> int:
        """Return how many exchanges there were."""
        return up.chunks

    def has_open_exchange(self, up: Stream, down: Stream) -> bool:
        """Return whether a peer waits for something: for opaque bytes, whether the client spoke last."""
        if not (up.is_clear and down.is_clear):
            return True
        client, backend = find_silence(up.source), find_silence(up.sink)
        return client < backend or client == backend < TIE_MS

    def set_backend(self, backend: str) -> None:
        """Note that the link is joined to *backend*, ``host:port``."""

    def rearm(self) -> None:
        """Draw from what is armed now, and end the behavior that runs if it is no longer armed."""

    def stop(self) -> None:
        """End what runs: the link is closed."""

    def defers_reset(self) -> bool:
        """Return whether a reset by the backend has to wait until a behavior is done."""
        return False

    def begin_passage(self) -> None:
        """Have the pump frame what comes, if all of it is ordinary."""

    def take_over(self, passage: native.Passage) -> None:
        """Go on where the pump has framed everything until now."""

    # What a stream asks

    def on_end(self, stream: Stream) -> None:
        """Handle that the stream's source will send no more."""

    def may_finish(self, stream: Stream) -> bool:
        """Return whether the end of a stream may be passed on."""
        return True


#: The traffic of every link whose bytes nothing looks at.
PLAIN = Traffic()
