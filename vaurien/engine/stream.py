"""One direction of a link: what arrives at the source leaves at the sink.

Everything happens in callbacks of the event loop; no greenlet and no lock is involved. Two things can stand between the
two sockets. A *tap* is given every chunk that arrives and decides what leaves, and when; without one, bytes go straight
through. *Holding* keeps what arrives in `held` until whoever asked for it lets it go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from socket import MSG_MORE, MSG_PEEK, SHUT_WR
from typing import TYPE_CHECKING, Any

from vaurien.engine.chain import Chain
from vaurien.engine.splice import Splice
from vaurien.framing.marks import INTERIM, NOTHING, PROMPT, Mark
from vaurien.toxics.base import Ending

if TYPE_CHECKING:
    from _socket import socket

    from vaurien.engine.link import Link

#: The most that is read at once. Larger is no cheaper per byte: measured, the curve is flat from here on.
CHUNK = 256 * 1024

#: The most where there are toxics: a chunk is what many of them deal with at once.
TOXIC_CHUNK = 32 * 1024

#: Reading stops while this much is held. As much as a socket's default receive buffer; the bound on a slow reader's
#: cost is this and one chunk.
MAX_HELD = 128 * 1024

#: So many chunks of at least `BULK` bytes in a row make a long transfer, which is spliced from then on.
BULK_RUN = 8
BULK = 32 * 1024

READ, WRITE = 1, 2


class Stream:
    """One direction of a link. Its sockets are the link's: a stream never closes them."""

    __slots__ = (
        'buffer',
        'bulk',
        'chain',
        'chunks',
        'ended',
        'finished',
        'held',
        'holding',
        'link',
        'marks',
        'position',
        'reader',
        'received',
        'sink',
        'source',
        'splice',
        'surplus',
        'tap',
        'unsent',
        'writer',
    )

    def __init__(self, link: Link, source: socket, sink: socket) -> None:
        self.link = link
        self.buffer = link.proxy.buffer
        self.source = source
        self.sink = sink
        self.reader = link.proxy.loop.io(source.fileno(), READ)
        #: Made when the sink first is not writable: most never are not.
        self.writer: Any = None
        self.tap: Callable[[bytes], None] | None = None
        #: Bytes received since the link was opened, and in how many chunks: where nothing is tapped, the exchanges.
        self.received = 0
        self.chunks = 0
        #: The source will send no more; all of it was sent on, and the sink was told.
        self.ended = False
        self.finished = False
        #: What the sink did not take yet.
        self.unsent: bytearray | None = None
        #: Bytes that have arrived and are neither sent on nor dropped, the position of the first, and their marks.
        self.held = bytearray()
        self.position = 0
        self.marks: list[Mark] = []
        self.holding = False
        self.bulk = 0
        self.splice: Splice | None = None
        #: The toxics, if there are any, that what is sent goes through.
        self.chain: Chain | None = None
        #: What `sent` has beyond the bytes that went through: those that behaviors wrote, less those that were dropped.
        self.surplus = 0

    def carry_on(self, before: Stream) -> None:
        """Continue where another stream was when nothing was under way, between other sockets."""
        self.tap, self.position = before.tap, before.position
        self.received, self.chunks = before.received, before.chunks
        self.surplus = before.sent - before.through

    @property
    def through(self) -> int:
        """Bytes that have arrived and are not held: where messages matter, as the protocol has left them."""
        return self.received if self.link.traffic is None else self.position

    @property
    def sent(self) -> int:
        """Bytes that the sink has taken. Nothing is counted for it as they pass."""
        waiting = 0 if self.unsent is None else len(self.unsent)
        if self.splice is not None:
            waiting += self.splice.inside
        if self.chain is not None:
            waiting += self.chain.owed
        return self.through + self.surplus - waiting

    def enchain(self) -> Chain:
        """The chain of its toxics; made where there is none: bytes are looked at from here."""
        if self.chain is None:
            self.chain = Chain(self)
            self.buffer = self.link.proxy.buffer[:TOXIC_CHUNK]
            if self.splice is not None:
                self.splice.leave()
            if self.tap is None:
                self.tap = self.send
        return self.chain

    def unchain(self) -> None:
        """There are no more toxics: bytes go straight through again, unless something else looks at them."""
        if self.chain is not None:
            self.surplus -= self.chain.owed
            self.chain = None
        self.buffer = self.link.proxy.buffer
        if self.link.traffic is None:
            self.untap()

    def untap(self) -> None:
        """Nothing but toxics, if there are any, looks at the bytes."""
        self.tap = None if self.chain is None else self.send

    @property
    def is_writable(self) -> bool:
        """Whether the sink would take more, for all that is known."""
        return self.unsent is None and self.splice is None and not self.finished

    @property
    def is_clear(self) -> bool:
        """Whether all that was sent on has left."""
        return self.unsent is None and (self.chain is None or self.chain.is_empty)

    @property
    def takes_more(self) -> bool:
        """Whether whoever sends need not wait."""
        return self.unsent is None and (self.chain is None or self.chain.has_room)

    @property
    def has_room(self) -> bool:
        """Whether the source may be read."""
        return self.takes_more and len(self.held) < MAX_HELD

    def start(self) -> None:
        """Begin to read."""
        self.reader.start(self._on_readable)

    def stop(self) -> None:
        """Never call back again, and let the watchers go. The link calls this before it closes the sockets."""
        for watcher in (self.reader, self.writer):
            if watcher is not None:
                watcher.close()
        if self.splice is not None:
            self.surplus -= self.splice.inside
            self.splice.close()
            self.splice = None
        if self.chain is not None:
            self.chain.stop()

    # What arrives

    def _on_readable(self) -> None:
        try:
            count = self.source.recv_into(self.buffer)
        except BlockingIOError:
            return
        except OSError:
            self.link.on_reset(self.source)
            return
        if not count:
            self._on_end()
            return
        self.received += count
        self.chunks += 1
        tap = self.tap
        if tap is not None:
            try:
                tap(self.buffer[:count].tobytes())
            except Exception as error:  # whatever somebody's protocol raises
                self.link.fail(error)
            return
        is_last = self.chunks == 1 and self.source is not self.link.client and self._has_ended()
        try:
            sent = self.sink.send(self.buffer[:count], MSG_MORE) if is_last else self.sink.send(self.buffer[:count])
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose(count)
            return
        if sent < count:
            self._block(bytearray(self.buffer[sent:count]))
        if is_last:
            self._on_end()
        elif count < BULK:
            self.bulk = 0
        else:
            self._count_bulk()

    def _has_ended(self) -> bool:
        """Whether nothing follows on what was just read but the end."""
        try:
            return not self.source.recv(1, MSG_PEEK)
        except OSError:
            return False

    def resume_plain(self) -> None:
        """The splice is over: read again, beginning with the end of the stream if that ended it."""
        self.splice = None
        if self.unsent is not None:
            self._block(self.unsent)
        self._go_on()

    def drain(self) -> None:
        """The source is broken: pass on what it had sent before, as much as there is room for."""
        while not self.link.closed and self.splice is None and self.has_room:
            try:
                data = self.source.recv(CHUNK)
            except OSError:
                return
            if not data:
                return
            self.received += len(data)
            self.chunks += 1
            self.link.attempt(self.tap or self.send, data)

    def abandon(self) -> None:
        """The sink is broken: forget what it did not take."""
        if self.splice is not None:
            self.surplus -= self.splice.inside
            self.splice.close()
            self.splice = None
        if self.unsent is not None:
            self.surplus -= len(self.unsent)
            self.unsent = None
        if self.writer is not None:
            self.writer.stop()

    def _on_end(self) -> None:
        self.ended = True
        self.reader.stop()
        if self.link.traffic is not None:
            self.link.attempt(self.link.traffic.on_end, self)
        self.settle()

    def _count_bulk(self) -> None:
        self.bulk += 1
        if self.bulk >= BULK_RUN and self.unsent is None:
            self.bulk = 0
            self.splice = Splice.begin(self)

    # What leaves

    def end(self) -> None:
        """Send nothing more: the sink will be told so when it has got everything."""
        if self.chain is not None:
            self.chain.send(Ending.END)
        else:
            self.finish()

    def send(self, data: bytes | bytearray, *, past_toxics: bool = False) -> None:
        """Send on, now or as soon as the sink takes it; meanwhile the source is not read. Nothing after the end.

        It goes through the toxics, if there are any; *past_toxics*: it has.
        """
        if self.chain is not None and not past_toxics:
            self.chain.send(bytes(data))
            return
        if self.finished:
            self.surplus -= len(data)
            return
        if self.unsent is not None:
            self.unsent += data
            return
        if self.splice is not None:  # what is in the pipe comes first
            self.unsent = bytearray(data)
            self.splice.leave()
            return
        try:
            sent = self.sink.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose(len(data))
            return
        if sent < len(data):
            self._block(bytearray(memoryview(data)[sent:]))

    def inject(self, data: bytes) -> None:
        """Send what did not come from the source."""
        self.surplus += len(data)
        self.send(data)

    def _lose(self, count: int) -> None:
        """The sink is broken, and so many bytes did not get there."""
        self.surplus -= count
        self.link.on_reset(self.sink)

    def _block(self, rest: bytearray) -> None:
        self.unsent = rest
        self.reader.stop()
        self.await_writable(self._on_writable)

    def await_writable(self, callback: Callable[[], None]) -> None:
        """Call back whenever the sink is writable, until the writer is stopped."""
        if self.writer is None:
            self.writer = self.link.proxy.loop.io(self.sink.fileno(), WRITE)
        self.writer.start(callback)

    def _on_writable(self) -> None:
        assert self.unsent is not None
        try:
            sent = self.sink.send(self.unsent)
        except BlockingIOError:
            return
        except OSError:
            self.link.on_reset(self.sink)
            return
        del self.unsent[:sent]
        if not self.unsent:
            self.unsent = None
            self.writer.stop()
            self._go_on()
            if self.link.stale:
                self.link.retire()

    def _go_on(self) -> None:
        """The sink takes more."""
        if self.chain is not None:
            self.chain.advance()
        else:
            self.settle()

    def settle(self) -> None:
        """After anything changed: read on if there is room, pass the end on if all else is, wake who waits."""
        self.link.changed()
        if self.link.closed or self.splice is not None:
            return
        if not self.ended:
            if self.has_room:
                self.reader.start(self._on_readable)
            else:
                self.reader.stop()
        elif self.unsent is None and not (self.held or self.is_ending) and self._may_finish():
            self.end()

    @property
    def is_ending(self) -> bool:
        """Whether the sink was told, or will be, that no more comes."""
        return self.finished or (self.chain is not None and self.chain.is_ending)

    def _may_finish(self) -> bool:
        return self.link.traffic is None or self.link.traffic.may_finish(self)

    def finish(self) -> None:
        """Tell the sink that no more will come; closes the link where that holds for the other direction, too."""
        self.finished = True
        if self.link.is_finished():
            self.link.close()
            return
        try:
            self.sink.shutdown(SHUT_WR)
        except OSError:
            self.link.on_reset(self.sink)

    # What is held

    def hold(self, data: bytes, marks: Sequence[Mark] = NOTHING) -> None:
        """Keep *data*, with the marks in it."""
        self.held += data
        self.marks.extend(marks)
        self.settle()

    def take(self, size: int) -> bytes:
        """The next bytes held, at most *size* and never over the end of a message; their marks are gone with them.

        Empty, where nothing is held, or a mark is passed that has no bytes of its own.
        """
        size = min(size, len(self.held))
        if self.marks:
            size = max(0, min(size, self.marks[0][1] - self.position))
        data = bytes(self.held[:size])
        del self.held[:size]
        self.position += size
        self.surplus -= size
        for kind in self._marks_passed():
            if self.link.traffic is not None:
                self.link.traffic.on_taken(self, kind)
        self.settle()
        return data

    def _marks_passed(self) -> list[int]:
        passed = []
        while self.marks and self.marks[0][1] <= self.position:
            passed.append(self.marks.pop(0)[0])
        return passed

    def release_to(self, position: int) -> list[int]:
        """Send on what is held up to *position*; give the kinds of the marks there, which are gone with it."""
        count = position - self.position
        if count > 0:
            data = bytes(self.held[:count])
            del self.held[:count]
            self.position = position
            self.send(data)
        return self._marks_passed()

    def release_interim(self) -> None:
        """Send on what is held before the reply: 1xx, pushes, what asks for more."""
        while self.marks and self.marks[0][0] in (INTERIM, PROMPT):
            self.release_to(self.marks[0][1])
        self.settle()

    def release(self) -> None:
        """Send on all that is held, and hold no more."""
        self.holding = False
        self.release_to(self.position + len(self.held))
        self.settle()

    def drop(self) -> None:
        """Forget all that is held, and hold no more."""
        self.holding = False
        self.position += len(self.held)
        self.surplus -= len(self.held)
        self.held.clear()
        self.marks.clear()
        self.settle()
