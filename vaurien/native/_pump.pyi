from collections.abc import Callable, Set
from typing import Any

from vaurien.native.told import Told

class Flow:
    """The numbers of a stream, which the pump counts on, and whether it may move the bytes."""

    #: Bytes received since the link was opened, and in how many chunks.
    received: int
    chunks: int
    #: The number of the chunk behind which the end of the stream is looked for.
    often_last: int
    #: How many large chunks there were in a row.
    bulk: int
    #: Whether whatever goes on goes to the sink at once, and whether somebody looks at it before.
    direct: bool
    tapped: bool
    #: After so many chunks that were not framed, `ask_for_passage` of the stream is called; 0: never.
    due: int

    @property
    def passed(self) -> int:
        """The number of bytes that have gone on in a passage that has not ended."""

class Gate:
    """Whether somebody wants to know of requests: then the pump lets none of those pass that it was given to."""

    is_open: bool

class Totals:
    """What has come over bare links that are closed: exchanges, bytes upstream and those sent on, bytes downstream."""

    exchanges: int
    upstream: int
    upstream_sent: int
    downstream: int

class Passage:
    """Frames what passes of one link, from `begin_passage`, or from its beginning, to `end`."""

    #: Of one that has begun with a bare link: what its protocol object is to be made with.
    terms: Any

    @property
    def requests(self) -> int:
        """The number of requests that have passed."""

    def end(self, protocol: Any) -> tuple[int, int, int, int, int, int]:
        """Have *protocol* be where the link is; return what has passed: three counts, and three sizes.

        Requests, replies, and requests without a whole reply; all bytes upstream, those at their end that belong to an
        open request, and all downstream.
        """

    def attach(self, up: Flow, down: Flow) -> None:
        """Frame what passes over these streams from now on."""

class Beginning:
    """How bare links begin whose messages are framed."""

def make_beginning(
    protocol: Any, gate: Gate, count_quiet: Callable[[int], int] | None, passing: Set[bytes] | None, terms: object
) -> Beginning | None:
    """Return how links begin whose protocol objects would begin as *protocol* is; None: not with ordinary messages.

    Requests pass while the *gate* is not open, as for `begin_passage`: as many as *count_quiet* returns for the number
    of the link, however many if it is None. *terms* are what a protocol object has to be made with later.
    """

def begin_passage(
    protocol: Any,
    up: Flow,
    down: Flow,
    gate: Gate,
    quiet: int | None,
    passing: Set[bytes] | None,
    recorder: Told | None,
) -> Passage | None:
    """Return the passage of a link whose *protocol* knows its messages; None: they are not ordinary now.

    Requests pass while the *gate* is not open: *quiet* of them, however many if that is None; and, unless it is None,
    only those in the set *passing*, whose bytes are alike. Unless it is None, *recorder* is told of each request and
    reply, soon after it has passed.
    """

class Reader:
    """Watches the source of a stream, as a watcher of the event loop does."""

    @property
    def active(self) -> bool:
        """Whether the stream reads, or is called back."""

    def start(self, callback: Callable[[], None]) -> None:
        """Read for the stream as far as possible; else call back whenever there is something to read."""

    def stop(self) -> None:
        """Read no more, and call back no more."""

    def close(self) -> None:
        """Stop for good. This has to come before the socket is closed."""

class Pump:
    """Serves the streams of one event loop."""

    def __init__(self, loop: Any, buffer: memoryview, large: int) -> None: ...
    def watch(self, flow: Flow, source: int, sink: int) -> Reader:
        """Return a `Reader` for *flow*. *sink* is the descriptor that plain bytes go to; -1: there are none."""

    #: How many bare links are open.
    bare_count: int
    def accept(
        self,
        listener: int,
        address: bytes,
        keepalive: int,
        limit: int,
        number: int,
        beginning: Beginning | None,
        totals: Totals,
        adopter: Callable[
            [int, float, int, int, tuple[int, int, bool], tuple[int, int, bool], Passage | None], tuple[Flow, Flow]
        ],
    ) -> tuple[int, int, int, int, int]:
        """Accept clients and connect each of them at once: they have bare links, the first of which has that *number*.

        *address* is the backend's, as the kernel has it. Nobody gets a descriptor from *limit* on. *beginning* is None
        where bytes are opaque. *totals* are what is added up when they are closed. *adopter* makes the object of a link
        that needs one, and returns its streams.

        Return how many have one, and the last descriptor of them; and the descriptors of a client that has none yet,
        because its backend is not connected: one that may be soon, and EALREADY; or -1, or the errno of what went
        wrong. If there is no such client, these are -1, and the errno of what kept it from being accepted.
        """

    def adopt_all(self, pause: Callable[[], object]) -> None:
        """Have each bare link adopted, and *pause* after it. Meanwhile others may come."""

    def count_bare(self) -> tuple[int, int, int, int]:
        """Return the numbers of the bare links that are open, as `Totals` has them."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def close(self) -> None:
        """Serve no more."""

    def leave_to_parent(self) -> None:
        """Close this process's copy of the descriptor, for it is a child of a fork."""
