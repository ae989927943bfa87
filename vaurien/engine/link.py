"""A link: one client connection joined to its backend connection."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from socket import IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_INFO
from time import monotonic
from typing import TYPE_CHECKING, Any

from gevent.hub import Waiter

from vaurien.address import Address
from vaurien.engine.dialer import Dialer, begin_connecting
from vaurien.engine.dispatcher import Dispatcher
from vaurien.engine.handler import Handler
from vaurien.engine.stream import Stream
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.tcp import TCP
from vaurien.records.counters import Counts
from vaurien.records.status import LinkStatus

if TYPE_CHECKING:
    from _socket import socket

    from vaurien.engine.proxy import ProxyServer
    from vaurien.rules.selector import Draws

_RESET = struct.pack('ii', 1, 0)
#: Where struct tcp_info of linux/tcp.h has tcpi_last_data_recv, in ms.
_LAST_DATA_RECV = struct.Struct('=52xI')

logger = logging.getLogger(__name__)


class Link:
    """Owns the two sockets and the two streams; closes them in `close` and nowhere else.

    On its own it passes bytes. What is done to them beyond that is its *traffic*'s: a `Dispatcher` where messages
    matter, a `Handler` where the protocol moves the bytes itself, nothing where it is ``tcp`` and nothing is armed.
    """

    __slots__ = (
        '_began',
        '_dialer',
        '_waiters',
        'backend',
        'client',
        'closed',
        'down',
        'joined',
        'number',
        'proxy',
        'stale',
        'traffic',
        'up',
    )

    backend: socket
    up: Stream
    down: Stream

    def __init__(self, proxy: ProxyServer, number: int, client: socket) -> None:
        self.proxy = proxy
        self.number = number
        self.client = client
        self.closed = False
        self._began = monotonic()
        #: Joined to a backend that is no longer the proxy's.
        self.stale = False
        self.traffic: Dispatcher | Handler | None = None
        #: Whether it had a backend at least once, and so has streams.
        self.joined = False
        self._waiters: list[Callable[[], Any]] = []
        self._dialer: Dialer | None = None

    # Opening

    def open(self) -> None:
        """Connect to the backend; again, where the proxy has got another one."""
        addresses = self.proxy.resolver.addresses
        if not addresses:
            self._dialer = Dialer(self)
            self._dialer.dial()
            return
        sock, error = begin_connecting(*addresses[0])
        if sock is None or error:
            self._dialer = Dialer(self)
            self._dialer.go_on(sock, error)
        else:
            self.on_connected(sock)

    def on_connected(self, backend: socket) -> None:
        """The backend has accepted: move bytes."""
        self._dialer = None
        self.backend = backend
        up, down = Stream(self, self.client, backend), Stream(self, backend, self.client)
        if self.joined:
            up.carry_on(self.up)
            down.carry_on(self.down)
        self.up, self.down = up, down
        if self.proxy.toxics:
            self.proxy.toxics.equip(self)
        if not self.joined:
            self.joined = True
            self.attempt(self._begin_traffic)
        elif self.traffic is not None:
            self.attempt(self.proxy.assign_backend, self.traffic.protocol)
        if self.closed:
            return
        up.start()
        down.start()

    def _begin_traffic(self) -> None:
        protocol = self.proxy.protocol
        if protocol.handles():
            self.traffic = Handler(self, self.proxy.new_protocol())
        elif not protocol.is_opaque:
            self.traffic = Dispatcher(self, self.proxy.new_protocol())
        else:
            self.rearm()

    def on_unreachable(self) -> None:
        """No address of the backend accepts. A reset is the nearest to a refused connection that can still be shown."""
        if self.proxy.settings.reset_if_unreachable:
            self._set_reset(self.client)
        self.close()

    def rearm(self) -> None:
        """What is armed has changed: let go what runs, and look at chunks of opaque bytes only where it matters."""
        if not self.joined:
            return
        if self.traffic is not None:
            self.traffic.rearm()
            if isinstance(self.traffic, Dispatcher) and self.traffic.is_superfluous():
                self.up.chunks = self.traffic.exchanges
                self._direct(None)
                self.up.untap()
                self.down.untap()
        elif self.proxy.selector is not None:
            for stream in (self.up, self.down):
                if stream.splice is not None:
                    stream.splice.leave()
            self._direct(Dispatcher(self, self.opaque_protocol(), exchanges=self.up.chunks))

    def _direct(self, traffic: Dispatcher | None) -> None:
        """Have it look at the bytes, or nothing; what was sent stays what it is."""
        before = self.up.through, self.down.through
        self.traffic = traffic
        for stream, through in zip((self.up, self.down), before, strict=True):
            stream.surplus += through - stream.through

    def draws(self) -> Draws | None:
        """What the link's exchanges draw; None while nothing is armed."""
        selector = self.proxy.selector
        return None if selector is None else selector.draws(self.number)

    def opaque_protocol(self) -> BaseProtocol:
        """A ``tcp`` protocol that takes over where the streams are."""
        up, down = self.up, self.down
        return TCP(
            sent=up.position + len(up.held),
            received=down.position + len(down.held),
            spoken=bool(up.received or down.received),
        )

    # Ends

    @property
    def connected(self) -> bool:
        """Whether it has a backend now, and streams that live."""
        return self.joined and self._dialer is None

    def is_finished(self) -> bool:
        """Whether both streams have come to their end."""
        return self.up.finished and self.down.finished

    def on_reset(self, peer: socket) -> None:
        """The connection to *peer* is broken: so will be the one to the other, at once or when a behavior is done."""
        stream = self.up
        if peer is not self.client:
            stream = self.down
            stream.drain()
            if not self.closed and self.traffic is not None and self.traffic.defers_reset():
                return
        if self.closed or stream.chain is None or not stream.chain.delay_reset():
            self.reset()
            return
        stream.ended = True
        stream.reader.stop()
        other = self.down if stream is self.up else self.up
        other.abandon()
        other.reader.stop()  # for nobody takes what it reads

    def reset(self) -> None:
        """Close, so that both peers see a reset."""
        if not self.closed:
            self._set_reset(self.client)
            self._set_reset(self.backend)
            self.close()

    def attempt(self, function: Callable[..., object], *args: object) -> None:
        """Call what a protocol of somebody's may make raise."""
        try:
            function(*args)
        except Exception as error:  # whatever it is
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """The protocol has raised: nothing more can be known about what goes through."""
        self.proxy.warn_failed(self.proxy.protocol, error)
        self.reset()

    def close(self) -> None:
        """Close both sockets now, and end whatever waits for them."""
        if self.closed:
            return
        self.closed = True
        if self._dialer is not None:
            self._dialer.close()
        else:
            self._part()
        self.client.close()
        if self.traffic is not None:
            self.traffic.kill()
        self.changed()
        self.proxy.on_closed(self)
        if self.traffic is None and self.joined:
            del self.up, self.down  # the garbage collector need not find this circle: nobody asks for the streams now

    def retire(self) -> None:
        """The proxy has another backend: go there, or close for the client to come again, once no exchange is open."""
        if self.closed:
            return
        if self._dialer is not None:  # on its way to the old one
            self._dialer.close()
            self.open()
            return
        self.stale = True
        traffic = self.traffic
        if traffic is None or traffic.protocol.is_opaque:
            self.close()
        elif traffic.idle:
            if traffic.movable:
                self.stale = False
                self._part()
                self.open()
            else:
                self.close()

    def _part(self) -> None:
        self.up.stop()
        self.down.stop()
        self.backend.close()

    def has_open_exchange(self) -> bool:
        """Whether somebody waits for something; for opaque bytes: whether the client spoke last."""
        if self._dialer is not None:
            return True
        traffic = self.traffic
        if traffic is not None and (traffic.at_work or not traffic.protocol.is_opaque):
            return not traffic.idle
        if not (self.up.is_clear and self.down.is_clear):
            return True
        return _silence(self.client) < _silence(self.backend)

    def status(self) -> LinkStatus:
        """Everything about it."""
        counts = self.counts()
        return {
            'id': self.number,
            'client': _peer_of(self.client),
            'backend': _peer_of(self.backend) if self._dialer is None else None,
            'age': round(monotonic() - self._began, 3),
            'bytes': {'upstream': counts.upstream_received, 'downstream': counts.downstream_received},
            'exchanges': counts.exchanges,
            'behavior': None if self.traffic is None else self.traffic.doing,
            'toxics': self._list_toxics(),
        }

    def _list_toxics(self) -> list[str]:
        if not self.joined:
            return []
        chains = [stream.chain for stream in (self.up, self.down) if stream.chain is not None]
        return [stage.label for chain in chains for stage in chain.stages if stage.applied]

    def counts(self) -> Counts:
        """What has gone over it until now."""
        if not self.joined:
            return Counts()
        up, down = self.up, self.down
        exchanges = up.chunks if self.traffic is None else self.traffic.exchanges
        return Counts(exchanges, up.received, up.sent, down.received, down.sent)

    # Who waits

    def wait(self) -> None:
        """In a greenlet: sleep until anything changes on this link."""
        waiter: Waiter[None] = Waiter()
        self._waiters.append(waiter.switch)
        try:
            waiter.get()
        finally:
            if waiter.switch in self._waiters:
                self._waiters.remove(waiter.switch)

    def changed(self) -> None:
        """Wake whoever waits."""
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for switch in waiters:
                self.proxy.loop.run_callback(switch, None)

    @staticmethod
    def _set_reset(sock: socket) -> None:
        sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)


def _peer_of(sock: socket) -> str | None:
    try:
        return str(Address(*sock.getpeername()[:2]))
    except OSError:  # it has gone
        return None


def _silence(sock: socket) -> int:
    """Milliseconds since the peer last sent anything."""
    info = sock.getsockopt(IPPROTO_TCP, TCP_INFO, _LAST_DATA_RECV.size)
    return int(_LAST_DATA_RECV.unpack(info)[0])
