"""The opening of a link: its client is admitted, the backend is connected, and TLS begins where it is to be spoken."""

from __future__ import annotations

from _socket import socket
from time import monotonic
from typing import Any, Protocol

from vaurien.address import NOWHERE, Address
from vaurien.engine.absent import AbsentBackend
from vaurien.engine.admission import Admission
from vaurien.engine.arming import Arming
from vaurien.engine.dialer import Begun, Dialer, begin_connecting
from vaurien.engine.resolver import Resolver
from vaurien.engine.runtime import Runtime
from vaurien.engine.tls_opening import TLSOpening
from vaurien.engine.tls_socket import Connection
from vaurien.engine.tls_upgrade import TLSUpgrade
from vaurien.plugins.handshake import Handshake
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.upgrade import Upgrading
from vaurien.records.counters import Peer
from vaurien.records.observer import ObservedLink
from vaurien.rules.rule import Rule
from vaurien.tls.contexts import Legs


class OpeningOwner(Protocol):
    """The part of a proxy that the opening of its links needs."""

    @property
    def runtime(self) -> Runtime:
        """The event loop, greenlets and clock."""

    @property
    def arming(self) -> Arming:
        """The rules at work."""

    @property
    def resolver(self) -> Resolver:
        """The addresses of the backend."""

    @property
    def backend(self) -> Address:
        """The backend, as it was configured."""

    @property
    def connect_timeout(self) -> float:
        """The seconds in which the backend has to accept."""

    @property
    def keepalive(self) -> int:
        """The seconds between two questions whether a silent peer is still there."""

    @property
    def legs(self) -> Legs | None:
        """The legs of its links that are TLS; None: neither."""

    @property
    def protocol(self) -> type[BaseProtocol]:
        """The class of the links' protocol objects."""

    @property
    def upgrading(self) -> type[Upgrading[Any]] | None:
        """What this class is where TLS begins inside the protocol; None: it does not."""

    def may_go_without(self, link: ObservedLink) -> bool:
        """Return whether something is armed that may need no backend, or *link* gets a toxic that needs none."""

    def on_reachable(self, number: int) -> None:
        """Note that an address of the backend has accepted the connection for the link of that *number*."""

    def new_protocol(self, terms: Any = None) -> BaseProtocol:
        """Return a protocol object for one link, on the *terms* on which that began if it is not new."""

    def on_insecure(self, peer: Peer) -> None:
        """Note that there is no TLS with the *peer* of a link."""

    def rest(self, reason: str) -> None:
        """Accept nobody for a moment."""


class OpenedLink(ObservedLink, Protocol):
    """The part of a link that its opening needs."""

    @property
    def client(self) -> Connection:
        """The connection of the client."""

    @property
    def joined(self) -> bool:
        """Whether it had a backend before."""

    def on_open(self, client: Connection, backend: Connection, absent: AbsentBackend | None) -> None:
        """Handle that both connections are as they are to be: they are the link's from now on.

        *absent* is what stands in the place of a backend that cannot be reached.
        """

    def on_unreachable(self, reason: str, *, goes_on: bool) -> None:
        """Handle that no address of the backend accepts. If the link *goes_on* without, it is not closed."""

    def close(self) -> None:
        """Close the link."""


class Opening:
    """Takes the steps from a client that was accepted to a link that moves bytes."""

    __slots__ = ('_absent', '_link', '_owner', '_rule', '_step')

    def __init__(self, link: OpenedLink, owner: OpeningOwner) -> None:
        self._link = link
        self._owner = owner
        #: What is under way: the wait of the client, the connection to the backend, or the handshakes.
        self._step: Admission | Dialer | TLSOpening | None = None
        #: The rule that says what becomes of it: of the wait, and then of the handshake with the client.
        self._rule: Rule | None = None
        self._absent: AbsentBackend | None = None

    def admit(self, held_by: Rule | None) -> None:
        """Connect, once no behavior has the client wait. *held_by* is a rule by which it waits until that is over."""
        owner, link = self._owner, self._link
        if held_by is not None:
            self._rule, self._step = held_by, Admission(self.connect)
            return
        seconds, self._rule = owner.arming.draw_delay(link)
        if not seconds:
            self.connect()
            return
        self._step = admission = Admission(self.connect)
        admission.limit(seconds, link.client, owner.runtime.loop, link.close)

    def connect(self, begun: Begun | None = None) -> None:
        """Connect to the backend. The proxy may have got another one since the last time.

        *begun* is what has become of that for the first address, where somebody else has begun.
        """
        owner = self._owner
        if owner.backend == NOWHERE:
            self.on_unreachable('there is none')
            return
        addresses = owner.resolver.addresses
        if addresses:
            sock, error = begun or begin_connecting(*addresses[0], owner.keepalive)
            if sock is not None and not error:
                self.on_connected(sock)
                return
        deadline = monotonic() + owner.connect_timeout
        self._step = dialer = Dialer(self, owner.runtime.loop, owner.resolver, deadline, owner.keepalive)
        if addresses:
            dialer.go_on(sock, error)
        else:
            dialer.dial()

    @property
    def client(self) -> Connection:
        """The connection of the client."""
        return self._link.client

    @property
    def number(self) -> int:
        """The number of the link."""
        return self._link.number

    # What the steps report

    def on_connected(self, backend: socket) -> None:
        """Shake hands, for the backend has accepted."""
        self._owner.on_reachable(self.number)
        self._secure(backend, self._owner.legs)

    def _secure(self, backend: socket, legs: Legs | None) -> None:
        owner = self._owner
        if legs is None:
            self.on_secure(self._link.client, backend)
            return
        runtime = owner.runtime
        self._step = opening = TLSOpening(
            self, runtime.loop, legs, runtime.cipher, runtime.log, self._link.client, backend
        )
        deadline = monotonic() + owner.connect_timeout
        opening.begin(owner.backend.host, owner.protocol.alpn, deadline, owner.upgrading)

    def upgrade(self, legs: Legs, backend: Connection) -> TLSUpgrade:
        """Return what shakes hands while the link, which is open, is at work."""
        runtime = self._owner.runtime
        self._step = upgrade = TLSUpgrade(
            self, runtime.loop, legs, runtime.cipher, runtime.log, self._link.client, backend
        )
        return upgrade

    def draw_handshake(self, text: str) -> Handshake:
        """Return what becomes of the handshake with the client, which has that *text*."""
        handshake, self._rule = self._owner.arming.draw_handshake(self._link, text)
        return handshake

    def make_error(self) -> bytes:
        """Return an error of the protocol."""
        return self._owner.new_protocol().error().data

    def on_secure(self, client: Connection, backend: Connection) -> None:
        """Hand the connections out."""
        self._link.on_open(client, backend, self._absent)

    def on_insecure(self, peer: Peer) -> None:
        """Close the link: there is no TLS with *peer*."""
        self._owner.on_insecure(peer)
        self._link.close()

    def on_unreachable(self, reason: str) -> None:
        """Go on without a backend if something is armed that may need none."""
        owner, link = self._owner, self._link
        goes_on = not link.joined and owner.may_go_without(link)
        link.on_unreachable(reason, goes_on=goes_on)
        if goes_on:
            self._absent = absent = AbsentBackend()
            legs = owner.legs
            self._secure(absent.connection, legs and legs.without_backend())

    def on_exhausted(self, reason: str) -> None:
        """Have other clients wait, as this one does, because the process has run out of descriptors."""
        self._owner.rest(reason)

    def close(self) -> None:
        """Close the link, for the client has left."""
        self._link.close()

    # What the link asks

    def begin_again(self) -> None:
        """Connect to the backend that the proxy has now, unless the client was not admitted yet."""
        if not isinstance(self._step, Admission):
            self.stop()
            self.connect()

    def rearm(self) -> None:
        """Handle that other rules are armed: what one of them holds goes on, or is given up."""
        if isinstance(self._step, TLSOpening | Admission) and not self._owner.arming.has(self._rule):
            self._step.let_go()

    def stop(self) -> None:
        """Take no further step, and close the connection to the backend."""
        if self._step is not None:
            self._step.close()
        if self._absent is not None:
            self._absent.close()
            self._absent = None

    def leave_to_parent(self) -> None:
        """Close this process's copies of the descriptors, for it is a child of a fork."""
        if self._step is not None:
            self._step.leave_to_parent()
        if self._absent is not None:
            self._absent.close()
