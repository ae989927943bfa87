"""Messages and exchanges of a link: counts them, draws their behaviors, keeps them in order."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vaurien.engine.exchange import Exchange
from vaurien.framing.marks import END, GREETING, LAST_OPENING, NOTHING, OPAQUE, REPLY, REQUEST, UNANSWERED, Mark, Opaque
from vaurien.protocols.base import BaseProtocol

if TYPE_CHECKING:
    from vaurien.behaviors.dummy import Dummy
    from vaurien.engine.link import Link
    from vaurien.engine.stream import Stream
    from vaurien.plugins.end import End

#: How TLS begins: a record of type handshake, of version 3.x (RFC 8446, 5.1).
_CLIENT_HELLO = re.compile(rb'\x16\x03[\x01-\x04]')

logger = logging.getLogger(__name__)


class Dispatcher:
    """The tap of both streams of a link whose bytes are looked at.

    A request that draws nothing goes on as it came. One that draws a behavior becomes an `Exchange`; until it is over,
    what the client sends after it is held.
    """

    __slots__ = ('_draws', 'answered', 'asked', 'boundary', 'broken', 'exchange', 'exchanges', 'link', 'protocol')

    def __init__(self, link: Link, protocol: BaseProtocol, *, exchanges: int = 0) -> None:
        self.link = link
        self.protocol = protocol
        #: Exchanges opened; requests sent on that expect a reply; replies received.
        self.exchanges = exchanges
        self.asked = int(protocol.greets)  # for that, it is as if the client had asked
        self.answered = 0
        #: Where, upstream, the last whole request ended.
        self.boundary = link.up.position
        #: The one that a behavior is applied to.
        self.exchange: Exchange | None = None
        #: The backend has reset its connection while a behavior ran.
        self.broken = False
        self._draws = link.draws()
        link.up.tap = self._on_first_request
        link.down.tap = self._on_replies

    @property
    def idle(self) -> bool:
        """Whether no exchange is open, and everything has been sent on."""
        up, down = self.link.up, self.link.down
        is_over = self.exchange is None and self.asked == self.answered and up.position == self.boundary
        return is_over and up.is_clear and down.is_clear

    @property
    def at_work(self) -> bool:
        """Whether a behavior is applied, or about to be."""
        return self.exchange is not None

    @property
    def doing(self) -> str | None:
        """The behavior that is applied, or about to be."""
        return None if self.exchange is None else self.exchange.behavior.name

    @property
    def movable(self) -> bool:
        """Whether the link may go on with another backend, unseen."""
        return self.protocol.stateless

    def is_superfluous(self) -> bool:
        """Whether the link may do without: its bytes are opaque, and nothing is armed."""
        return self.exchange is None and self._draws is None and self.protocol.is_opaque

    def rearm(self) -> None:
        """What is armed has changed: draw from that; end the behavior that runs."""
        self._draws = self.link.draws()
        if self.exchange is not None:
            self.exchange.let_go()

    def kill(self) -> None:
        """The link is closed."""
        if self.exchange is not None:
            self.exchange.kill()

    # Upstream

    def _on_first_request(self, data: bytes) -> None:
        self.link.up.tap = self._on_requests
        if not self.protocol.is_opaque and _CLIENT_HELLO.match(data):
            logger.info('link %d: opaque from here: TLS', self.link.number)
            self.protocol = self.link.opaque_protocol()
        self._on_requests(data)
        if self.is_superfluous():
            self.link.rearm()

    def _on_requests(self, data: bytes) -> None:
        protocol, exchange, up = self.protocol, self.exchange, self.link.up
        marks: Sequence[Mark] = NOTHING
        if len(data) < protocol.upstream_body:
            protocol.skip_upstream(len(data))
        elif exchange is None or not (up.marks and up.marks[-1][0] == OPAQUE):
            data, marks = protocol.feed_upstream(data)
        if exchange is None or (exchange.sending and not protocol.ordered and not up.held):
            self._forward(data, marks)
        else:
            up.hold(data, marks)
            exchange.on_upstream()
            self._take_turn()

    def _forward(self, data: bytes, marks: Sequence[Mark]) -> None:
        """Send requests on, up to the first that draws a behavior."""
        up = self.link.up
        draws = self._draws if self.exchange is None else None
        is_opaque = False
        for mark in marks:
            kind, position = mark
            if kind <= LAST_OPENING:
                self.exchanges += 1
                if draws is not None and self.exchanges >= draws.quiet_until:
                    rule = (
                        draws.draw(self.exchanges, self._request(data, position), self._describe)
                        if draws.reads
                        else draws.draw(self.exchanges)
                    )
                    if rule is not None and self.link.proxy.is_due(rule):
                        self._intercept(rule.behavior, data, marks[marks.index(mark) :])
                        return
                self.asked += 1
            if kind == REQUEST or kind == END:  # noqa: SIM109  # faster than a look into a tuple
                self.boundary = position
            elif kind == UNANSWERED:
                self.asked -= 1
            elif kind == OPAQUE:
                is_opaque = True
        up.position += len(data)
        if data:
            up.send(data)
        if is_opaque:
            self.go_opaque()

    def _request(self, data: bytes, end: int) -> bytes:
        """The request in *data* whose head, if not all of it, ends at *end*."""
        begin = self.link.up.position
        return data[max(0, self.boundary - begin) : end - begin]

    def _describe(self, request: bytes) -> tuple[str, bool]:
        return self.link.proxy.describe(self.protocol, self.boundary, request)

    def _intercept(self, behavior: Dummy, data: bytes, marks: Sequence[Mark]) -> None:
        (kind, position), *rest = marks
        up = self.link.up
        passing = self.boundary - up.position
        if passing > 0:  # not behind bytes that have gone on without being part of a request
            up.position += passing
            up.send(data[:passing])
            data = data[passing:]
        expects_reply = rest[:1] != [(UNANSWERED, position)]
        self.exchange = Exchange(self, behavior, expects_reply=expects_reply)
        own = [(END, position)] if kind == REQUEST else []
        up.hold(data, own + (rest if expects_reply else rest[1:]))
        self._take_turn()

    def pass_following(self) -> None:
        """Where replies are not matched to requests, what follows on a request does not wait for its reply."""
        exchange = self.exchange
        if exchange is not None and exchange.sending and exchange.request_ended and not self.protocol.ordered:
            self._forward_held()

    def _forward_held(self) -> None:
        up = self.link.up
        data, marks = bytes(up.held), up.marks
        up.held, up.marks = bytearray(), []
        self._forward(data, marks)

    def _take_turn(self) -> None:
        exchange = self.exchange
        in_turn = self.asked == self.answered or not self.protocol.ordered
        if in_turn and exchange is not None and exchange.greenlet is None and not self.link.closed:
            exchange.begin()

    # Downstream

    def _on_replies(self, data: bytes) -> None:
        protocol, down = self.protocol, self.link.down
        marks: Sequence[Mark] = NOTHING
        if len(data) < protocol.downstream_body:
            protocol.skip_downstream(len(data))
        else:
            marks = protocol.feed_downstream(data)
            for kind, _ in marks:
                if kind == REPLY:
                    if self.answered < self.asked:
                        self.answered += 1
                elif kind == GREETING:
                    self._greet()
        if down.holding:
            down.hold(data, marks)
        else:
            down.position += len(data)
            down.send(data)
        if marks and marks[-1][0] == OPAQUE:
            self.go_opaque()
        if self.exchange is not None:
            self._on_exchange_downstream(marks)
        elif self.link.stale:
            self.link.retire()

    def _greet(self) -> None:
        self.exchanges += 1
        self.asked += not self.protocol.greets
        if self._draws is None or self.exchange is not None:
            return
        rule = self._draws.draw(self.exchanges, b'', self._describe)
        if rule is not None and self.link.proxy.is_due(rule):
            self.exchange = Exchange(self, rule.behavior, greeting=True)
            self.link.down.holding = True
            self.exchange.begin()

    def _on_exchange_downstream(self, marks: Sequence[Mark]) -> None:
        if self.exchange is not None:
            self.exchange.on_downstream(marks)
        self._take_turn()

    # The exchange

    def on_taken(self, stream: Stream, kind: int) -> None:
        """A behavior has read over a mark."""
        if self.exchange is not None and stream is self.link.up:
            self.exchange.on_taken(kind)

    def on_reading(self, stream: Stream) -> None:
        """A behavior is about to read; only one runs at a time."""

    def on_touched(self) -> None:
        """A behavior has read, or is about to write."""
        if self.exchange is not None:
            self.exchange.touched = True

    def on_written(self, stream: Stream) -> None:
        """A behavior is about to write."""
        self.on_touched()
        if self.exchange is not None and stream is self.link.down:
            self.exchange.note_passing()

    def is_exhausted(self, stream: Stream) -> bool:
        """Whether a reader waits in vain though the stream has not ended: the reply has."""
        return stream is self.link.down and self.exchange is not None and self.exchange.reply_ended

    def on_prompted(self) -> None:
        """The client was asked for the rest of its request, not by the backend."""
        if self.exchange is not None:
            self.exchange.request_ended = False
            self.protocol.on_prompted()

    def skip_message(self, end: End) -> None:
        """Read and drop the rest of the request."""
        exchange, up = self.exchange, self.link.up
        while exchange is not None and not exchange.request_ended:
            end.await_data()
            if not up.held:
                return
            self.on_touched()
            up.take(len(up.held))

    @property
    def expects_reply(self) -> bool:
        """Whether a server would reply to the request that a behavior is applied to."""
        return self.exchange is None or self.exchange.expects_reply

    def on_exchange_over(self, exchange: Exchange) -> None:
        """Its behavior has done all it does: go on with whatever is held."""
        link = self.link
        if self.exchange is not exchange or link.closed:
            return
        exchange.count_request()
        link.down.release()  # what it left held comes before whatever the next exchange brings
        if self.broken:
            link.reset()
            return
        self.exchange = None
        up = link.up
        if exchange.request_ended and not exchange.greeting:
            self.boundary = up.position
        self._forward_held()
        if not link.closed and self.exchange is None:
            link.down.settle()
            up.settle()
            link.rearm()
            if link.stale:
                link.retire()

    # Ends

    def go_opaque(self) -> None:
        """Framing has ended, on both streams, where they are now."""
        link = self.link
        reason, unparsed = self.protocol.opaque or Opaque('')
        if unparsed:
            logger.warning('link %d: not %s, opaque from here: %s', link.number, self.protocol.name, reason)
        else:
            logger.info('link %d: opaque from here: %s', link.number, reason)
        self._send_or_hold(self.protocol.end_upstream())
        self.protocol = link.opaque_protocol()
        self._draws = link.draws()  # whose requests have other texts from here
        self._take_turn()
        self.pass_following()
        if self.is_superfluous():
            link.rearm()

    def _send_or_hold(self, rest: bytes) -> None:
        up = self.link.up
        if not rest:
            return
        if self.exchange is not None:
            up.hold(rest)
            self.exchange.on_upstream()
        else:
            up.position += len(rest)
            up.send(rest)

    def on_end(self, stream: Stream) -> None:
        """The stream's source will send no more."""
        if stream is self.link.up:
            self._send_or_hold(self.protocol.end_upstream())
            return
        marks = self.protocol.end_downstream()
        if marks and self.answered < self.asked:
            self.answered += 1
        exchange = self.exchange
        if exchange is not None:
            exchange.on_downstream(marks)
            if exchange.greenlet is None:  # its turn will never come
                self.on_exchange_over(exchange)

    def may_finish(self, stream: Stream) -> bool:
        """Whether the end of a stream may be passed on; while a behavior is at work, only the client's."""
        exchange = self.exchange
        return exchange is None or (stream is self.link.up and exchange.sending)

    def defers_reset(self) -> bool:
        """Whether a reset by the backend waits for a behavior: the client is not to see it before that is done."""
        exchange = self.exchange
        if exchange is None or exchange.greenlet is None:
            return False
        up, down = self.link.up, self.link.down
        self.broken = True
        up.abandon()
        down.ended = True
        down.reader.stop()
        down.settle()
        return True
