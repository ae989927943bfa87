"""A link: one client connection joined to its backend connection."""

from __future__ import annotations

from _socket import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import SO_LINGER, SOL_SOCKET
from time import monotonic
from typing import Any, Protocol

from gevent.hub import Waiter

from vaurien import native
from vaurien.address import Address
from vaurien.engine.absent import AbsentBackend
from vaurien.engine.cable import Cable
from vaurien.engine.dialer import Begun
from vaurien.engine.dispatcher import Dispatcher, make_opaque_protocol
from vaurien.engine.handler import Handler
from vaurien.engine.leaving import Leaving
from vaurien.engine.listener import RESET
from vaurien.engine.opening import Opening, OpeningOwner
from vaurien.engine.recording import Recording
from vaurien.engine.stream import Stream
from vaurien.engine.tls_exchange import TLSExchange
from vaurien.engine.tls_socket import Connection, TLSSocket
from vaurien.engine.tls_upgrade import TLSUpgrade
from vaurien.engine.traffic import PLAIN, Traffic
from vaurien.framing.marks import UNREADABLE
from vaurien.native import Progress
from vaurien.plugins.failures import warn_failed
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.upgrade import TLSLegs, Upgrading
from vaurien.records.counts import Counts
from vaurien.records.status import LinkStatus
from vaurien.rules.rule import Rule
from vaurien.toxics.base import Ending


class LinkOwner(OpeningOwner, Protocol):
    """The part of a proxy that its links need."""

    @property
    def recording(self) -> Recording:
        """What records exchanges, all, some or none of them."""

    def equip(self, link: Link) -> None:
        """Put the proxy's toxics on the streams of a link that opens."""

    def on_unreadable(self, reason: str) -> None:
        """Note that a link has messages that nobody can read, and why, whenever rules may be armed for them."""

    def on_unreachable(self, link: Link, reason: str) -> bool:
        """Note that no address of the backend accepts; return whether the client is to see a reset."""

    def on_closed(self, link: Link) -> None:
        """Note that a link has closed."""


class Link:
    """Owns the two sockets and the two streams; closes them in `close` and nowhere else.

    On its own it passes bytes. What is done to them beyond that is its *traffic*'s: a `Dispatcher` where messages
    matter, a `Handler` where the protocol moves the bytes itself, `PLAIN` where nothing looks at them.
    """

    __slots__ = (
        '_absent',
        '_began',
        '_cable_rule',
        '_cables',
        '_final_counts',
        '_handshake',
        '_leaving',
        '_opening',
        '_owner',
        '_unreadable',
        'arming',
        'backend',
        'client',
        'closed',
        'down',
        'joined',
        'number',
        'runtime',
        'stale',
        'traffic',
        'up',
        'waiters',
    )

    backend: Connection
    up: Stream
    down: Stream

    def __init__(self, owner: LinkOwner, number: int, client: socket) -> None:
        self._owner = owner
        self.runtime = owner.runtime
        self.arming = owner.arming
        self.number = number
        self.client: Connection = client
        self.closed = False
        self._began = monotonic()
        #: Whether it is joined to a backend that is no longer the proxy's.
        self.stale = False
        self.traffic: Traffic = PLAIN
        #: Why its messages cannot be read, such as ``TLS``; empty if they can, or if there are none.
        self._unreadable = ''
        #: Whether it had a backend at least once, and so has streams.
        self.joined = False
        #: What wakes the greenlets that wait for `changed`.
        self.waiters: list[Callable[[], Any]] = []
        #: The steps until both connections are there, while they are taken.
        self._opening: Opening | None = None
        #: The rule by which its cables are pulled, or will be once it is open, if any; and the pulled ones.
        self._cable_rule: Rule | None = None
        self._cables: tuple[Cable, ...] = ()
        #: The handshake that is made while the link is at work.
        self._handshake: Opening | None = None
        #: What stands in the place of a backend that cannot be reached.
        self._absent: AbsentBackend | None = None
        #: What owns the stream that a toxic's end of the other one has left, until all on its way has arrived.
        self._leaving: Leaving | None = None
        #: What had gone over it when it was closed.
        self._final_counts: Counts | None = None

    # Opening

    def open(self, begun: Begun | None = None) -> None:
        """Admit the client, and connect to the backend, which somebody else may have *begun*."""
        self._opening = opening = Opening(self, self._owner)
        if not self.arming.looks_at_connections:
            opening.connect(begun)
            return
        self._cable_rule = self.arming.draw_cable(self)
        if self._cable_rule is not None:
            self._cables = (Cable(self.client),)
        opening.admit(self._cable_rule)

    def on_open(self, client: Connection, backend: Connection, absent: AbsentBackend | None) -> None:
        """Move bytes. *absent* is what stands in the place of a backend that cannot be reached."""
        self._opening, self._absent = None, absent
        self.client, self.backend = client, backend
        up = Stream(self, self.runtime, self.client, backend)
        down = Stream(self, self.runtime, backend, self.client, from_backend=True)
        if self.joined:
            up.carry_on(self.up)
            down.carry_on(self.down)
        self.up, self.down = up, down
        had_backend, self.joined = self.joined, True
        self._owner.equip(self)
        if self.closed:
            return
        if had_backend:
            self._attempt(self.traffic.set_backend, str(self._owner.backend))
        else:
            self._attempt(self._begin_traffic)
        if self.closed:
            return
        if absent is not None and isinstance(self.traffic, Dispatcher) and self.traffic.protocol.greets:
            absent.close()  # a behavior that waits for its greeting waits no longer
            self._attempt(self.traffic.greet_alone)
            if self.closed:
                return
        if self._cable_rule is not None:
            self._pull_cable()
        else:
            up.start()
            down.start()

    def adopt(
        self, backend: socket, began: float, up: Progress, down: Progress, passage: native.Passage | None = None
    ) -> None:
        """Take over a bare link that began at *began*.

        *up* and *down* tell how far its streams have come; *passage* frames it, if one does.
        """
        self._began = began
        self.backend, self.joined = backend, True
        self.up = Stream(self, self.runtime, self.client, backend)
        self.down = Stream(self, self.runtime, backend, self.client, from_backend=True)
        if passage is None:
            self.up.adopt(*up)
            self.down.adopt(*down)
            self._attempt(self._begin_traffic)
        else:
            self._attempt(self._begin_traffic, passage.terms)  # at the first byte: what has passed, the passage counts
            self.up.adopt(*up)
            self.down.adopt(*down)
            self._attempt(self.traffic.take_over, passage)
        for stream in (self.up, self.down):
            if not (stream.ended or self.closed):
                stream.start()

    def _begin_traffic(self, terms: Any = None) -> None:
        protocol = self._owner.protocol
        if protocol.handles():
            self.traffic = Handler(self, self._owner.new_protocol(terms))
        elif not protocol.is_opaque:
            told = self._tell_legs(self._owner.new_protocol(terms))
            self.traffic = Dispatcher(self, told, self._owner.recording, make_upgrade=TLSExchange)
        else:
            self._look_if_armed()

    # TLS inside the protocol

    def _tell_legs(self, protocol: BaseProtocol) -> BaseProtocol:
        legs, backend = self._owner.legs, self.backend
        if legs is not None and isinstance(protocol, Upgrading):
            shares = (
                legs.client is not None and isinstance(backend, TLSSocket) and legs.client.shows(backend.certificate)
            )
            is_secure = isinstance(self.client, TLSSocket)
            protocol.set_legs(TLSLegs(legs.client is not None, is_secure, legs.backend is not None, shares))
        return protocol

    def secure_client(self, began: bytes) -> None:
        """Begin TLS with the client, in the calling greenlet; *began* is what it has sent of that.

        Raise `HandshakeError` if that fails, of which the log then says why.
        """
        with self._secured(self.down) as upgrade:
            upgrade.secure_client(began, self._owner.connect_timeout)

    def secure_backend(self, question: bytes, problem: str) -> None:
        """Ask the backend for TLS, which answers by beginning with it, unless there is a *problem*; else likewise."""
        owner = self._owner
        with self._secured(self.up) as upgrade:
            upgrade.secure_backend(owner.backend.host, question, problem, owner.connect_timeout)

    @contextmanager
    def _secured(self, stream: Stream) -> Iterator[TLSUpgrade]:
        """Keep everything where it is for a block, once *stream* has sent all that was before it."""
        owner, up, down = self._owner, self.up, self.down
        assert owner.legs is not None
        for one in (up, down):
            one.suspend()
        while not (stream.is_clear or self.closed):
            self.wait()
        self._handshake = Opening(self, owner)
        upgrade = self._handshake.upgrade(owner.legs, self.backend)
        yield upgrade
        self._handshake = None
        self.client, self.backend = upgrade.join()
        up.move(self.client, self.backend)
        down.move(self.backend, self.client)

    def on_unreachable(self, reason: str, *, goes_on: bool) -> None:
        """Close, unless the link *goes_on* without a backend: no address accepts.

        A reset is the nearest to a refused connection that is still possible.
        """
        has_reset = self._owner.on_unreachable(self, reason)
        if goes_on:
            return
        if has_reset:
            _set_reset(self.client)
        self.close()

    # What looks at the bytes

    def rearm(self) -> None:
        """Handle that other rules are armed: end what runs, and look at opaque bytes only if something is armed."""
        if self.joined:
            self.traffic.rearm()
            if self.closed:  # what was held went on, and nobody takes it
                return
            self.simplify()
            self._look_if_armed()
        if self._cable_rule is None or not self.arming.has(self._cable_rule):
            self._set_cable(self.arming.draw_cable(self))
        for opening in (self._opening, self._handshake):
            if opening is not None:
                opening.rearm()
        if self._unreadable:
            self._owner.on_unreadable(self._unreadable)

    def _set_cable(self, rule: Rule | None) -> None:
        before, self._cable_rule = self._cable_rule, rule
        if rule is None and before is not None:
            self._plug_in()
            for stream in (self.up, self.down) if self.joined else ():
                if self.connected:  # the first may close the link
                    stream.plug_in()
        elif rule is not None and before is None and self.connected:
            self._pull_cable()

    def _pull_cable(self) -> None:
        self._plug_in()
        self.up.pull_cable()
        self.down.pull_cable()
        self._cables = (Cable(self.client), Cable(self.backend))

    def _plug_in(self) -> None:
        for cable in self._cables:
            cable.plug_in()
        self._cables = ()

    def on_opaque(self, reason: str) -> None:
        """Handle that the framing has ended."""
        self.runtime.log.info('link %d: opaque from here: %s', self.number, reason)
        if reason in UNREADABLE:
            self._unreadable = reason
            self._owner.on_unreadable(reason)

    def _look_if_armed(self) -> None:
        if self.traffic is PLAIN and (self._owner.recording.records_all or self.arming.draws(self) is not None):
            self._look()

    def _look(self) -> None:
        protocol = make_opaque_protocol(self.up, self.down)
        self.traffic = Dispatcher(self, protocol, self._owner.recording, exchanges=self.up.chunks)

    def look_once(self) -> None:
        """Look at opaque bytes until an exchange was recorded, unless they are many, and spliced."""
        if self.traffic is PLAIN and self.connected and self.up.splice is None and self.down.splice is None:
            self._look()

    def simplify(self) -> None:
        """Look at the bytes no more if they are opaque and nothing is armed."""
        traffic = self.traffic
        if isinstance(traffic, Dispatcher) and traffic.is_superfluous:
            self.up.unwatch(traffic.exchanges)
            self.down.unwatch()
            self.traffic = PLAIN

    # What the streams report

    def on_end(self, stream: Stream) -> None:
        """Handle that the source of a stream will send no more."""
        self._attempt(self.traffic.on_end, stream)

    def begin_passage(self) -> None:
        """Have the pump frame what comes, if all of it is ordinary."""
        self._attempt(self.traffic.begin_passage)

    def may_finish(self, stream: Stream) -> bool:
        """Return whether the end of a stream may be passed on."""
        return self.traffic.may_finish(stream)

    def on_finished(self, stream: Stream) -> bool:
        """Close if both streams have come to their end; else return True."""
        if self.up.finished and self.down.finished:
            self.close()
        return not self.closed

    def on_clear(self) -> None:
        """Go to the new backend, if there is one and nothing else is under way."""
        if self.stale:
            self.retire()

    def on_broken(self, sock: Connection) -> None:
        """Reset both connections, for one is broken; but not before a behavior is done, or toxics have let go."""
        if sock is self.client:
            self.break_off(self.up)
            return
        self.down.drain()
        if self.closed or not self.traffic.defers_reset():
            self.break_off(self.down)

    def break_off(self, stream: Stream) -> None:
        """Reset both connections, for the source of *stream* is broken, as soon as its toxics have let go."""
        if self.closed or stream.chain is None or not stream.chain.delay_reset():
            self.reset()
            return
        other = self._find_other(stream)
        stream.end_reading()
        other.abandon()
        other.stop_reading()

    def on_toxic_ended(self, stream: Stream, ending: Ending) -> None:
        """Close as a toxic on *stream* says; what is on its way in the other stream arrives before."""
        self.leave(self._find_other(stream), resets=ending is Ending.RESET)

    def leave(self, left: Stream, *, resets: bool = False) -> None:
        """Close the link, but deliver what is on its way in the stream *left* before closing its sink.

        The peers see a reset if it *resets*.
        """
        if self.closed:
            return
        ended = self._find_other(left)
        # Where nothing moves, or the peer has gone, there is nothing to wait for.
        is_stuck = self._cable_rule is not None or self._handshake is not None
        is_gone = ended.chain is not None and ended.chain.is_breaking
        if is_stuck or is_gone or left.would_end_at_once:
            self.end(resets=resets)
            return
        self.closed = True
        if resets:
            self._set_resets()
        left.suspend()
        ended.stop()
        ended.suspend()
        self._leaving = Leaving(self, left, self.runtime)
        ended.sink.close()
        self.traffic.stop()
        self.changed()
        left.outlive(self._leaving)

    def _find_other(self, stream: Stream) -> Stream:
        return self.down if stream is self.up else self.up

    def _set_resets(self) -> None:
        """Have both peers see a reset when their connections are closed."""
        _set_reset(self.client)
        _set_reset(self.backend)

    def _attempt(self, function: Callable[..., object], *args: object) -> None:
        """Call what somebody's protocol may make raise."""
        try:
            function(*args)
        except Exception as error:  # whatever it is
            self.fail(None, error)

    def fail(self, plugin: Any, error: BaseException) -> None:
        """Reset, because the protocol, or another *plugin*, has raised: what goes through is no longer known."""
        warn_failed(plugin or self._owner.protocol, error, self.runtime.log)
        self.end(resets=True)

    # Closing

    def reset(self) -> None:
        """Close so that both peers see a reset."""
        if not self.closed:
            self.end(resets=True)

    def close(self) -> None:
        """Close both sockets now, and end whatever waits for them. A link that leaves is already closed."""
        if not self.closed:
            self.end()

    def close_behind(self, stream: Stream) -> None:
        """Close, but what was sent on *stream* before, and waits in its toxics, arrives at its sink."""
        if self.connected and stream.chain is not None:
            self.leave(stream)
        else:
            self.close()

    def end(self, *, resets: bool = False) -> None:
        """Close whatever is open now, also if the link leaves; so that the peers see a reset, if it *resets*."""
        leaving, self._leaving = self._leaving, None
        if self.closed and leaving is None:
            return
        self.closed = True
        if resets:
            self._set_resets()
        self._plug_in()  # the peers are told of the end
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.stop()
        elif leaving is not None:
            leaving.stop()
            self.backend.close()
        elif self.joined:
            self._close_backend()
        handshake, self._handshake = self._handshake, None
        if handshake is not None:
            handshake.stop()
        if self._absent is not None:
            self._absent.close()
        self.client.close()
        if leaving is None:  # else that was done before
            self.traffic.stop()
        self.changed()
        self._final_counts = self.counts()
        self._owner.on_closed(self)
        # Break all circles: links come and go more quickly than the garbage collector finds them.
        self.traffic = PLAIN
        if self.joined:
            self.up.leave_link()
            self.down.leave_link()

    def retire(self) -> None:
        """Go to the proxy's new backend once no exchange is open, or close if the client would notice."""
        if self.closed:
            return
        if self._opening is not None:
            self._opening.begin_again()
            return
        self.stale = True
        traffic = self.traffic
        if traffic.is_opaque or (traffic.is_idle and not traffic.is_movable):
            self.close_behind(self.down)
        elif traffic.is_idle:
            self.stale = False
            self._close_backend()
            if not self.closed:  # as it is if a toxic fails meanwhile
                self._opening = Opening(self, self._owner)
                self._opening.connect()

    def _close_backend(self) -> None:
        self.up.stop()
        self.down.stop()
        self.backend.close()

    def leave_to_parent(self) -> None:
        """Close this process's copies of the descriptors, for it is a child of a fork. No peer notices."""
        _leave_to_parent(self.client)
        if self._absent is not None:
            self._absent.close()
        if self._opening is not None:
            self._opening.leave_to_parent()
        elif self.joined:
            _leave_to_parent(self.backend)
            for stream in (self.up, self.down):
                if stream.splice is not None:
                    stream.splice.close()

    # What is known

    @property
    def connected(self) -> bool:
        """Whether it has a backend now, and streams that live."""
        return self.joined and self._opening is None and not self.closed

    @property
    def is_leaving(self) -> bool:
        """Whether one connection is closed, and the other one will be when what is on its way to it has arrived."""
        return self._leaving is not None

    @property
    def has_ended(self) -> bool:
        """Whether it is closed, and leaves no more."""
        return self.closed and self._leaving is None

    @property
    def has_backend(self) -> bool:
        """Whether it is joined to a backend, and not to what stands in the place of one."""
        return self._absent is None

    @property
    def client_address(self) -> Address | None:
        """The address of the client; None once the client has gone."""
        return _peer_of(self.client)

    def has_open_exchange(self) -> bool:
        """Return whether a peer waits for something."""
        return self._opening is not None or self.traffic.has_open_exchange(self.up, self.down)

    @property
    def is_at_work(self) -> bool:
        """Whether it connects, a behavior is applied, or bytes are on their way: only the proxy, or a peer, is slow.

        Where one connection is closed already, nobody waits for a peer that is slow.
        """
        if self._leaving is not None:
            return self._leaving.is_at_work
        if self._cable_rule is not None or not self.connected:
            return True
        return self.traffic.doing is not None or self.up.is_under_way or self.down.is_under_way

    def status(self) -> LinkStatus:
        """Return everything about it."""
        counts = self.counts()
        backend = _peer_of(self.backend) if self._opening is None else None
        client = self.client_address
        return {
            'id': self.number,
            'client': None if client is None else str(client),
            'backend': None if backend is None else str(backend),
            'age': round(monotonic() - self._began, 3),
            'bytes': {'upstream': counts.upstream_received, 'downstream': counts.downstream_received},
            'exchanges': counts.exchanges,
            'behavior': self.traffic.doing if self._cable_rule is None else self._cable_rule.name,
            'toxics': self.list_toxics(),
        }

    def list_toxics(self) -> list[str]:
        """Return the names of the toxics at work."""
        if not self.joined:
            return []
        chains = [stream.chain for stream in (self.up, self.down) if stream.chain is not None]
        # One that is on both streams has a stage on each.
        return list(dict.fromkeys(stage.label for chain in chains for stage in chain.stages if stage.applied))

    def counts(self) -> Counts:
        """Return the numbers that it has counted until now, or until it was closed."""
        if self._final_counts is not None:
            return self._final_counts
        if not self.joined:
            return Counts()
        up, down = self.up, self.down
        return Counts(self.traffic.count_exchanges(up), up.received, up.sent, down.received, down.sent)

    def count_arrived(self) -> tuple[int, int, int]:
        """Return how many exchanges, and bytes each way, have arrived until now, or until it was closed."""
        if not self.joined or self._final_counts is not None:
            counts = self.counts()
            return counts.exchanges, counts.upstream_received, counts.downstream_received
        up = self.up
        return self.traffic.count_exchanges(up), up.received, self.down.received

    # Who waits

    def wait(self) -> None:
        """Let the calling greenlet sleep until anything changes on this link."""
        waiter: Waiter[None] = Waiter()
        self.waiters.append(waiter.switch)
        try:
            waiter.get()
        finally:
            if waiter.switch in self.waiters:
                self.waiters.remove(waiter.switch)

    def changed(self) -> None:
        """Wake the greenlets that wait."""
        if self.waiters:
            waiters, self.waiters = self.waiters, []
            for switch in waiters:
                self.runtime.loop.run_callback(switch, None)


def _set_reset(sock: Connection) -> None:
    if sock.fileno() < 0:  # it is closed
        return
    sock.setsockopt(SOL_SOCKET, SO_LINGER, RESET)


def _leave_to_parent(sock: Connection) -> None:
    if isinstance(sock, TLSSocket):
        sock.leave_to_parent()
    else:
        sock.close()


def _peer_of(sock: Connection) -> Address | None:
    try:
        name = sock.getpeername()
    except OSError:  # it has gone
        return None
    return Address(*name[:2]) if name else None  # what stands in for a backend has no name
