"""One direction of a link: what arrives at the source leaves at the sink.

Everything happens in callbacks of the event loop; no greenlet and no lock is involved. Two things can stand between the
two sockets. A *tap* is given every chunk that arrives and returns what goes on of it at once; without a tap, bytes go
straight through. *Held* is what a tap keeps back, until whoever asked for it releases or drops it.
"""

from __future__ import annotations

from _socket import socket
from collections.abc import Callable, Sequence
from socket import MSG_PEEK, SHUT_WR
from typing import Any, Protocol

from vaurien.engine.cable import PulledSink
from vaurien.engine.chain import Chain
from vaurien.engine.held import Held
from vaurien.engine.kernel import MSG_MORE, count_unconfirmed
from vaurien.engine.runtime import BULK, CHUNK, Runtime
from vaurien.engine.splice import Splice
from vaurien.engine.tls_socket import READ, WRITE, Connection
from vaurien.framing.marks import INTERIM, NOTHING, PART, PROMPT, Mark
from vaurien.native import Flow
from vaurien.toxics.base import BaseToxic, Ending, Item

#: Bytes that are read at once at most where there are toxics: many of them deal with one chunk at a time.
TOXIC_CHUNK = 32 * 1024

#: So many chunks of at least `BULK` bytes in a row make a long transfer, which is spliced from then on.
BULK_RUN = 8

#: What streams hold that never had a tap.
_NONE_HELD = Held()

#: Takes what has arrived and returns what goes on at once.
Tap = Callable[[bytes], bytes]


class StreamOwner(Protocol):
    """The part of a link that its streams need."""

    @property
    def closed(self) -> bool:
        """Whether the link is closed."""

    @property
    def waiters(self) -> Sequence[object]:
        """The greenlets that wait for `changed`."""

    def on_broken(self, sock: Connection) -> None:
        """Handle that the connection on *sock* is broken."""

    def on_end(self, stream: Stream) -> None:
        """Handle that the source will send no more."""

    def may_finish(self, stream: Stream) -> bool:
        """Return whether the end of the stream may be passed on."""

    def on_finished(self, stream: Stream) -> bool:
        """Handle that everything was sent on; return False if the sink need not be told because the link is closed."""

    def on_clear(self) -> None:
        """Handle that what the sink did not take before was sent."""

    def changed(self) -> None:
        """Wake the greenlets that wait for something to change."""

    def begin_passage(self) -> None:
        """Have the pump frame what comes, if all of it is ordinary."""

    def on_toxic_ended(self, stream: Stream, ending: Ending) -> None:
        """Handle that a toxic ends a stream before its source does: the sink is to be closed, or reset."""

    def reset(self) -> None:
        """Close the link so that both peers see a reset."""

    def fail(self, plugin: object, error: Exception) -> None:
        """Handle an exception that a protocol or toxic has raised; None stands for the protocol."""


class _ClosedLink:
    """Stands in the place of any link that is closed: there is nothing left to do."""

    closed = True
    waiters = ()

    def may_finish(self, stream: Stream) -> bool:
        """Return False, for the sink is closed."""
        return False

    on_finished = may_finish

    def changed(self, *args: object) -> None:
        """Do nothing."""

    on_broken = on_end = on_clear = begin_passage = on_toxic_ended = reset = fail = changed


_CLOSED = _ClosedLink()


class _NoReader:
    """Stands in the place of the watcher of a stream that is not to read."""

    def start(self, callback: Callable[[], None]) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    close = stop


_NO_READER = _NoReader()


class Stream(Flow):
    """Moves the bytes of one direction. The sockets belong to the link: a stream never closes them.

    Where there is a pump, it does what `_on_readable` does for a stream that is direct and has no tap, counts in the
    fields of `Flow`, and calls what that would call.
    """

    __slots__ = (
        '_added',
        '_buffer',
        '_is_in_turns',
        '_link',
        '_runtime',
        '_tap',
        '_writer',
        'chain',
        'ended',
        'finished',
        'held',
        'holding',
        'postponed',
        'reader',
        'sink',
        'source',
        'splice',
        'stalled',
        'unsent',
    )

    def __init__(
        self, link: StreamOwner, runtime: Runtime, source: Connection, sink: Connection, *, from_backend: bool = False
    ) -> None:
        self._link = link
        self._runtime = runtime
        self._buffer = runtime.buffer
        #: The number of the chunk behind which the end of the stream is looked for. Many replies are all that a backend
        #: ever sends, and one segment that also has the end is cheaper than two.
        self.often_last = 1 if from_backend else 0
        self.source = source
        self.sink = sink
        #: Whether whatever goes on goes to the sink at once, and whether a tap is given it before: for the pump.
        self.direct = True
        self.tapped = False
        #: After how many chunks the pump asks for a passage; 0: never.
        self.due = 0
        self.reader = self._make_reader()
        #: Created on the first blocked write; most streams never need it.
        self._writer: Any = None
        self._tap: Tap | None = None
        #: Bytes received since the link was opened, and in how many chunks. Without a tap, chunks count as exchanges.
        self.received = 0
        self.chunks = 0
        #: Whether the source will send no more.
        self.ended = False
        #: Whether the source is not read, because it has ended or there is no room: `settle` decides how to go on.
        self.stalled = False
        #: Whether everything was sent on and the sink was told that no more comes.
        self.finished = False
        #: What the sink did not take yet.
        self.unsent: bytearray | None = None
        #: What a tap keeps back. Streams that never had a tap share one that stays empty: most links are idle.
        self.held = _NONE_HELD
        #: Whether whatever arrives is to be held. The taps look at it.
        self.holding = False
        #: What the tap has put off, and whether that will be given to it in one of the next turns.
        self.postponed = b''
        self._is_in_turns = False
        self.bulk = 0
        self.splice: Splice | None = None
        #: The toxics, if there are any, that everything sent goes through.
        self.chain: Chain | None = None
        #: What `sent` has beyond the bytes that went through: those that behaviors wrote, less those that were lost.
        self._added = 0

    def carry_on(self, before: Stream) -> None:
        """Continue between other sockets where another stream was when nothing was under way."""
        self._tap = before._tap
        self.received, self.chunks = before.received, before.chunks
        if self._tap is not None:
            self.held = Held(before.held.position)
        self._account(before.sent - self.sent)
        self.tapped, self.due = before.tapped, before.due

    def adopt(self, received: int, chunks: int, ended: bool) -> None:
        """Continue where the stream of a bare link was: whatever has come has gone on, its end as well."""
        self.received, self.chunks = received, chunks
        self.ended = self.stalled = self.finished = ended

    # Counting: nothing is counted as bytes pass, what was sent is what was received less what is still here

    @property
    def _through(self) -> int:
        """The number of bytes that have arrived and are not held, neither here nor by the protocol."""
        return self._taken if self._tap is None else self.held.position - self.held.dropped + self.passed

    @property
    def _taken(self) -> int:
        """The number of bytes that have arrived and were not put off."""
        return self.received - len(self.postponed)

    @property
    def seen(self) -> int:
        """The position behind the last byte that is held or has gone on."""
        return self._taken if self._tap is None else self.held.end + self.passed

    @property
    def sent(self) -> int:
        """The number of bytes that the sink has taken."""
        waiting = 0 if self.unsent is None else len(self.unsent)
        if self.splice is not None:
            waiting += self.splice.inside
        if self.chain is not None:
            waiting += self.chain.owed
        return self._through + self._added - waiting

    def count_received(self, count: int) -> None:
        """Count a chunk of so many bytes that the splice has read."""
        self.received += count
        self.chunks += 1

    def _account(self, count: int) -> None:
        """Count bytes that leave without having come from the source, or, below zero, that came and never leave."""
        self._added += count

    # Who looks at the bytes

    def watch(self, tap: Tap) -> None:
        """Give every chunk to *tap* from now on."""
        if self.splice is not None:
            self.splice.leave()
        if self.held is _NONE_HELD:
            self.held = Held()
        if self._tap is None:
            self.held.continue_at(self._taken)
        self._change_tap(tap)

    def unwatch(self, chunks: int | None = None) -> None:
        """Let bytes go straight through. *chunks* is the number of exchanges to go on counting from."""
        self._change_tap(None)
        if chunks is not None:
            self.chunks = chunks

    def _change_tap(self, tap: Tap | None) -> None:
        through = self._through
        self._tap = tap
        self._account(through - self._through)
        self.tapped = tap is not None

    def _note_direct(self) -> None:
        self.direct = self.chain is None and self.splice is None

    def keep(self, data: bytes) -> bytes:
        """Hold everything: a tap."""
        self.hold(data)
        return b''

    def enchain(self) -> Chain:
        """Return the chain of toxics, a new one if there is none."""
        if self.chain is None:
            self.chain = Chain(self, self._runtime.clock.call_at, self._runtime.turns.add)
            self._buffer = self._runtime.buffer[:TOXIC_CHUNK]
            self._note_direct()
            if self.splice is not None:
                self.splice.leave()
        return self.chain

    def unchain(self) -> None:
        """Go on without toxics."""
        if self.chain is not None:
            self._account(-self.chain.owed)
            self.chain = None
            self._note_direct()
        self._buffer = self._runtime.buffer

    def suspend(self) -> None:
        """Read nothing until `move`, whatever happens."""
        self.reader.close()
        self.reader = _NO_READER

    def move(self, source: Connection, sink: Connection) -> None:
        """Go on between connections that use the same descriptors, and read again, unless the link has just closed."""
        if self._link.closed:
            return
        self.source, self.sink = source, sink
        self.reader = self._make_reader()
        self.settle()

    def pull_cable(self) -> None:
        """Read and send nothing until `plug_in`, and keep what is to be sent."""
        self.suspend()
        if self.splice is not None:
            inside, self.splice = self.splice.empty(), None
            self._note_direct()
            self.unsent = bytearray(inside) + (self.unsent or b'') or None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.sink = PulledSink(self.sink)  # type: ignore[assignment]  # it stands in for one

    def plug_in(self) -> None:
        """Go on where the cable was pulled."""
        pulled = self.sink
        assert isinstance(pulled, PulledSink)
        self.sink = pulled.connection
        if self.unsent is not None:
            self.await_writable(self._on_writable)
        elif pulled.is_ended:
            self._tell_end()
        self.move(self.source, self.sink)

    def _make_reader(self) -> Any:
        source, sink, pump = self.source, self.sink, self._runtime.pump
        if not isinstance(source, socket):
            return source.watch()
        if pump is None:
            return self._runtime.loop.io(source.fileno(), READ)
        return pump.watch(self, source.fileno(), sink.fileno() if isinstance(sink, socket) else -1)

    def arrive(self, data: bytes) -> None:
        """Take *data* as if the source had sent it. There is a tap."""
        assert self._tap is not None
        self.forward(self._tap(data))

    # What the pump frames

    def ask_after(self, chunks: int) -> None:
        """Have the pump, if there is one, ask for a passage after so many chunks; 0: never."""
        self.due = chunks

    def ask_for_passage(self) -> None:
        """Ask the link whether the pump may frame what comes."""
        self._link.begin_passage()

    @property
    def is_free(self) -> bool:
        """Whether what the tap returns goes on at once, and all before it has."""
        held = self.held
        return self.direct and not (self.holding or held.data or held.marks or self.postponed)

    # What is known

    @property
    def is_closed(self) -> bool:
        """Whether the link is closed."""
        return self._link.closed

    @property
    def is_writable(self) -> bool:
        """Whether the sink would take more, for all that is known."""
        return self.unsent is None and self.splice is None and not self.finished

    @property
    def is_clear(self) -> bool:
        """Whether everything that was sent on has left, and nothing was put off."""
        return self.unsent is None and not self.postponed and (self.chain is None or self.chain.is_empty)

    @property
    def takes_more(self) -> bool:
        """Whether whoever sends need not wait."""
        return self.unsent is None and (self.chain is None or self.chain.has_room)

    @property
    def is_under_way(self) -> bool:
        """Whether bytes that have arrived are held, wait in a toxic, or were not confirmed by the peer of the sink."""
        if (
            self.unsent is not None
            or self.held.data
            or self.postponed
            or (self.splice is not None and self.splice.inside)
        ):
            return True
        return (self.chain is not None and self.chain.is_at_work) or count_unconfirmed(self.sink) > 0

    @property
    def is_ending(self) -> bool:
        """Whether the sink was told, or will be, that no more comes."""
        return self.finished or (self.chain is not None and self.chain.is_ending)

    @property
    def would_end_at_once(self) -> bool:
        """Whether its end would reach the sink at once, or has: nothing is on its way, and no toxic is there."""
        return self.finished or (self.chain is None and self.unsent is None and self.splice is None)

    # Life

    def start(self) -> None:
        """Begin to read."""
        self.reader.start(self._on_readable)

    def stop(self) -> None:
        """Never call back again, and close the watchers. The link calls this before it closes the sockets."""
        self.reader.close()
        if self._writer is not None:
            self._writer.close()
        self._drop_splice()
        if self.chain is not None:
            self.chain.stop()

    def outlive(self, owner: StreamOwner) -> None:
        """Hand the stream, whose source is closed, to another *owner*: send what is on its way, then end.

        What is held is dropped: nobody will release it.
        """
        self._link = owner
        self.ended = self.stalled = True
        self.postponed = b''
        if self._tap is not None:
            self.holding = False
            self.held.drop()
        if self.splice is not None:
            self.splice.leave()
        self.settle()

    def leave_link(self) -> None:
        """Forget the link, which is closed, and whoever looks at the bytes. What still runs finds it closed."""
        self._link = _CLOSED
        self._tap = self.chain = None

    def stop_reading(self) -> None:
        """Read no more: nobody takes it."""
        self.reader.stop()

    def end_reading(self) -> None:
        """Read no more: the source has broken off, or its bytes are of use to nobody."""
        self.ended = True
        self._stall()

    def _stall(self) -> None:
        self.stalled = True
        self.reader.stop()

    def _drop_splice(self) -> None:
        if self.splice is not None:
            self._account(-self.splice.inside)
            self.splice.close()
            self.splice = None
            self._note_direct()

    # What arrives

    def _on_readable(self) -> None:  # noqa: C901  # in one piece: every chunk would pay for a call more
        try:
            count = self.source.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            self.on_source_broken()
            return
        if not count:
            self.on_source_ended()
            return
        self.received += count
        self.chunks += 1
        tap = self._tap
        if tap is not None:
            try:
                data = tap(self._buffer[:count].tobytes())
            except Exception as error:  # whatever somebody's protocol raises
                self._link.fail(None, error)
                return
            if data:
                self.held.skip(len(data))
                self.send(data)
            return
        if self.chain is not None:
            self.chain.send(self._buffer[:count].tobytes())
            return
        then = self._look_behind() if self.chunks == self.often_last else None
        is_last = then is not None and then == self.on_source_ended
        try:
            sent = self.sink.send(self._buffer[:count], MSG_MORE) if is_last else self.sink.send(self._buffer[:count])
        except BlockingIOError:
            sent = 0
        except OSError:
            self.lose(count)
            return
        if sent < count:
            self.block(bytearray(self._buffer[sent:count]))
        if then is not None:
            then()
        elif count < BULK:
            self.bulk = 0
        else:
            self.count_bulk()

    def postpone(self, data: bytes) -> None:
        """Give *data* to the tap again when others had their turn, and read nothing before."""
        self.postponed = data
        self._stall()
        self._await_turn()

    def _await_turn(self) -> None:
        if not self._is_in_turns:
            self._is_in_turns = True
            self._runtime.turns.add(self._on_turn)

    def _on_turn(self) -> None:
        self._is_in_turns = False
        if self.postponed and self.takes_more and not (self._link.closed or self.held.is_full):
            self._give_postponed()
            self.settle()

    def _give_postponed(self) -> None:
        data, self.postponed = self.postponed, b''
        self.give(data)

    def give(self, data: bytes) -> None:
        """Give *data*, which was received, to the tap, and send what goes on."""
        if self._tap is None:
            self.send(data)
            return
        try:
            self.forward(self._tap(data))
        except Exception as error:  # as in `_on_readable`, where a call more would cost every chunk
            self._link.fail(None, error)

    def _look_behind(self) -> Callable[[], None] | None:
        """Return how to go on if nothing comes behind the bytes that were just read; None: that is not known."""
        try:
            return None if self.source.recv(1, MSG_PEEK) else self.on_source_ended
        except BlockingIOError:
            return None
        except OSError:  # the kernel tells this once only
            return self.on_source_broken

    def on_source_broken(self) -> None:
        """Tell the link that the connection to the source is broken."""
        self._link.on_broken(self.source)

    def on_splice_over(self) -> None:
        """Read again without a splice. If the end of the stream ended it, that is what is read first."""
        self.splice = None
        self._note_direct()
        if self.unsent is not None:
            self.block(self.unsent)
        self._go_on()

    def on_broken(self, sock: Connection) -> None:
        """Tell the link that the connection on *sock* is broken."""
        self._link.on_broken(sock)

    def on_toxic_failed(self, toxic: BaseToxic, error: Exception) -> None:
        """Tell the link that a toxic has raised an exception."""
        self._link.fail(toxic, error)

    def drain(self) -> None:
        """Pass on what a broken source had sent before, as much as there is room for."""
        while not self._link.closed and self.splice is None and self.takes_more and not self.held.is_full:
            if self.postponed:
                self._give_postponed()
                continue
            try:
                data = self.source.recv(CHUNK)
            except OSError:
                return
            if not data:
                return
            self.count_received(len(data))
            self.give(data)

    def abandon(self) -> None:
        """Forget what a broken sink did not take."""
        self._drop_splice()
        if self.unsent is not None:
            self._account(-len(self.unsent))
            self.unsent = None
        self.stop_writing()

    def on_source_ended(self) -> None:
        """Handle that the source will send no more: pass that on when everything before it has passed."""
        self.end_reading()
        self._link.on_end(self)
        self.settle()

    def count_bulk(self) -> None:
        """Count a large chunk. Many in a row are the beginning of a long transfer."""
        self.bulk += 1
        if self.bulk >= BULK_RUN and self.unsent is None:
            self.bulk = 0
            if isinstance(self.source, socket) and isinstance(self.sink, socket):
                self.splice = Splice.begin(self)
                self._note_direct()

    # What leaves

    def end(self) -> None:
        """Send nothing more: the sink is told so when it has got everything."""
        if self.chain is not None:
            self.chain.send(Ending.END)
        else:
            self._finish()

    def send(self, data: bytes | bytearray, *, past_toxics: bool = False) -> None:
        """Send now, or as soon as the sink takes it; meanwhile the source is not read. Send nothing after the end.

        The data goes through the toxics, if there are any, unless it has: *past_toxics*.
        """
        if self.chain is not None and not past_toxics:
            self.chain.send(bytes(data))
            return
        if self.finished:
            self._account(-len(data))
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
            self.lose(len(data))
            return
        if sent < len(data):
            self.block(bytearray(memoryview(data)[sent:]))

    def forward(self, data: bytes) -> None:
        """Send on what has just arrived, before the tap returns."""
        if data:
            self.held.skip(len(data))
            self.send(data)

    def inject(self, data: bytes) -> None:
        """Send what did not come from the source."""
        self._added += len(data)
        self.send(data)

    def deliver(self, item: Item) -> None:
        """Send on what has passed all toxics, or end as they say."""
        if isinstance(item, bytes):
            self.send(item, past_toxics=True)
        elif item is Ending.END:
            self._finish()
        elif item is Ending.BREAK:
            self._link.reset()
        else:
            self._link.on_toxic_ended(self, item)

    def lose(self, count: int) -> None:
        """Count bytes that a broken sink did not get."""
        self._account(-count)
        self._link.on_broken(self.sink)

    def block(self, rest: bytearray) -> None:
        """Read no more until the sink has taken the *rest* of what arrived."""
        self.unsent = rest
        self._stall()
        self.await_writable(self._on_writable)

    def await_writable(self, callback: Callable[[], None]) -> None:
        """Call back whenever the sink is writable, until `stop_writing`."""
        if isinstance(self.sink, PulledSink):
            return
        if self._writer is None:
            self._writer = self._runtime.loop.io(self.sink.fileno(), WRITE)
        self._writer.start(callback)

    def stop_writing(self) -> None:
        """Watch the sink no more."""
        if self._writer is not None:
            self._writer.stop()

    def _on_writable(self) -> None:
        assert self.unsent is not None
        try:
            sent = self.sink.send(self.unsent)
        except BlockingIOError:
            return
        except OSError:
            self._link.on_broken(self.sink)
            return
        del self.unsent[:sent]
        if not self.unsent:
            self.unsent = None
            self.stop_writing()
            self._go_on()
            self._link.on_clear()

    def _go_on(self) -> None:
        """Use that the sink takes more."""
        if self.chain is not None:
            self.chain.advance()
        else:
            self.settle()

    def settle(self) -> None:
        """After a change, wake who waits for it, read if there is room, and pass the end on if all else has passed."""
        link, chain = self._link, self.chain
        if link.waiters:
            link.changed()
        if link.closed or self.splice is not None:
            return
        if self.postponed:
            self._stall()
            if self.takes_more and not self.held.is_full:
                self._await_turn()
        elif not self.ended:
            if self.unsent is None and not self.held.is_full and (chain is None or chain.has_room):
                self.stalled = False
                self.reader.start(self._on_readable)
            else:
                self._stall()
        elif self.unsent is None and not (self.held.data or self.is_ending) and link.may_finish(self):
            self.end()

    def _finish(self) -> None:
        """Tell the sink that no more will come, unless that closes the link."""
        self.finished = True
        if self._link.on_finished(self):
            self._tell_end()

    def _tell_end(self) -> None:
        try:
            self.sink.shutdown(SHUT_WR)
        except OSError:
            self._link.on_broken(self.sink)

    # What is held

    def hold(self, data: bytes, marks: Sequence[Mark] = NOTHING) -> None:
        """Keep *data*, with the marks in it."""
        self.held.append(data, marks)
        if self._link.waiters:
            self._link.changed()
        if self.held.is_full:
            self._stall()

    def begin_holding(self) -> None:
        """Hold whatever arrives from now on."""
        self.holding = True

    def take(self, size: int) -> tuple[bytes, list[int]]:
        """Take out the next bytes held, at most *size* and never over the end of a message.

        Return them, and the kinds of the marks that are passed. The bytes are empty if nothing is held, or if a mark is
        passed that has no bytes of its own.
        """
        taken = self.held.take(size)
        if self.stalled:
            self.settle()
        return taken

    def release_to(self, position: int) -> list[int]:
        """Send on what is held up to *position*; return the kinds of the marks that are passed."""
        data, kinds = self.held.release_to(position)
        if data:
            self.send(data)
        if self.stalled:
            self.settle()
        return kinds

    def release_interim(self, *, parts: bool) -> None:
        """Send on what is held before the reply: 1xx, pushes, what asks for more of the request; or *parts* of it."""
        marks = self.held.marks
        while marks and (marks[0][0] in (INTERIM, PROMPT) or (parts and marks[0][0] == PART)):
            self.release_to(marks[0][1])

    def release(self) -> None:
        """Send on everything that is held, and hold no more."""
        self.holding = False
        if self.held.data or self.held.marks or self.stalled:
            self.release_to(self.held.end)

    def drop(self) -> None:
        """Drop everything that is held, and hold no more."""
        self.holding = False
        self.held.drop()
        if self.stalled:
            self.settle()
