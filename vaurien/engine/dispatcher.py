"""Messages and exchanges of a link: counts them, draws their behaviors, keeps them in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from vaurien import native
from vaurien.engine.arming import LinkDraws
from vaurien.engine.exchange import Exchange
from vaurien.engine.recorder import Recorder
from vaurien.engine.recording import RecordedLink, Recording
from vaurien.engine.slices import SLICE, feed_downstream, feed_upstream
from vaurien.engine.stream import Stream
from vaurien.engine.traffic import Traffic
from vaurien.engine.unrecorded import UNRECORDED, Unrecorded
from vaurien.framing.marks import (
    END,
    GREETING,
    HEAD,
    LAST_OPENING,
    NOTHING,
    OPAQUE,
    REPLY,
    REQUEST,
    STATEMENT,
    UNANSWERED,
    UPGRADE,
    Mark,
    Opaque,
)
from vaurien.framing.parts import Part
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.tcp import TCP
from vaurien.protocols.upgrade import Upgrading
from vaurien.rules.rule import Rule

#: How TLS begins: a record of type handshake, of version 3.x (RFC 8446, 5.1). Without 3.0, which is SSL and which
#: `begins_tls` takes, too: a login of MySQL that is 790 bytes long begins with its length, 16 03 00.
_CLIENT_HELLO = re.compile(rb'\x16\x03[\x01-\x04]')

#: A passage of fewer requests costs more than it saves.
WORTHWHILE = 4
#: After so many chunks of requests a passage is tried first, and, at the latest, after one that was not worthwhile.
FIRST_PASSAGE, LAST_PASSAGE = 3, 64

#: So many bytes of a statement are enough for its text.
_SHOWN = 1024


def make_opaque_protocol(up: Stream, down: Stream) -> BaseProtocol:
    """Return a ``tcp`` protocol that takes over where the streams are."""
    return TCP(sent=up.seen, received=down.seen, spoken=bool(up.received or down.received))


class Dispatcher(Traffic):
    """Looks at the bytes of both streams of a link.

    A request that draws nothing goes on as it came. One that draws a behavior becomes an `Exchange`; until it is over,
    what the client sends after it is held.
    """

    __slots__ = (
        '_answered',
        '_asked',
        '_boundary',
        '_draws',
        '_exchange',
        '_make_upgrade',
        '_passage',
        '_patience',
        '_recording',
        '_statements',
        'exchanges',
        'is_broken',
        'link',
        'protocol',
        'recorder',
    )

    def __init__(
        self,
        link: RecordedLink,
        protocol: BaseProtocol,
        recording: Recording,
        *,
        exchanges: int = 0,
        make_upgrade: Callable[..., Exchange] = Exchange,
    ) -> None:
        """*make_upgrade* makes the exchanges at which TLS may begin; *recording* is for what records some, or all."""
        self.link = link
        self._recording = recording
        #: What is told of exchanges. Where each request comes by, it is not called if it does nothing.
        self.recorder: Unrecorded = Recorder(recording, link) if recording.records_all else UNRECORDED
        self._make_upgrade = make_upgrade
        self.protocol = protocol
        #: How many exchanges were opened.
        self.exchanges = exchanges
        #: How many requests that expect a reply were sent on. For a greeting, it is as if the client had asked.
        self._asked = int(protocol.greets)
        #: How many replies were received.
        self._answered = 0
        #: The exchange that a behavior is applied to.
        self._exchange: Exchange | None = None
        #: Whether the backend has reset its connection while a behavior ran.
        self.is_broken = False
        #: How many statements of the open request there were.
        self._statements = 0
        self._draws: LinkDraws | None = None
        #: What the pump frames: as long as it lasts, the numbers here and those of the protocol stand still.
        self._passage: native.Passage | None = None
        #: After how many chunks the next one is tried.
        self._patience = FIRST_PASSAGE
        link.up.ask_after(self._patience)
        self._arm()
        link.up.watch(self._on_first_request)
        link.down.watch(self._on_edited_replies if protocol.edits else self._on_replies)
        #: Where, upstream, the last whole request ended.
        self._boundary = link.up.held.position

    # What the link asks

    @property
    def is_opaque(self) -> bool:  # type: ignore[override]  # derived here
        """Whether messages are unknown."""
        return self.protocol.is_opaque

    @property
    def is_idle(self) -> bool:  # type: ignore[override]
        """Whether no exchange is open, and everything has been sent on."""
        self._end_passage()
        up, down = self.link.up, self.link.down
        is_over = self._exchange is None and self._asked == self._answered and up.held.position == self._boundary
        return is_over and up.is_clear and down.is_clear

    @property
    def is_movable(self) -> bool:  # type: ignore[override]
        """Whether the link may go on with another backend without the client noticing."""
        return self.protocol.stateless

    @property
    def doing(self) -> str | None:  # type: ignore[override]
        """The name of the behavior that is applied, or about to be."""
        return None if self._exchange is None else self._exchange.behavior.name

    @property
    def is_unparsed(self) -> bool:
        """Whether framing has ended because bytes do not parse."""
        return self.protocol.opaque is not None and self.protocol.opaque.unparsed

    def count_exchanges(self, up: Stream) -> int:
        return self.exchanges if self._passage is None else self.exchanges + self._passage.requests

    def has_open_exchange(self, up: Stream, down: Stream) -> bool:
        if self._exchange is None and self.is_opaque:
            return super().has_open_exchange(up, down)
        return not self.is_idle

    def set_backend(self, backend: str) -> None:
        self._end_passage()
        self.protocol.set_backend(backend)

    @property
    def is_superfluous(self) -> bool:
        """Whether the link may do without: its bytes are opaque, and nothing is armed."""
        return self._exchange is None and self._draws is None and self.is_opaque

    def _arm(self) -> None:
        draws = self.link.arming.draws(self.link, self.protocol)
        self.protocol.mark_statements(draws is not None and draws.reads)
        self._draws = self.recorder.watch(draws, self.protocol, self.exchanges)

    def rearm(self) -> None:
        self._end_passage()
        self._arm()
        if self._exchange is not None and not self.link.arming.has(self._exchange.rule):
            self._exchange.let_go()

    def stop(self) -> None:
        self._end_passage()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.stop()
        self.recorder.on_closed()

    # What the pump frames

    def begin_passage(self) -> None:
        up, down, draws = self.link.up, self.link.down, self._draws
        is_ordinary = self._exchange is None and self.recorder.takes_whole and not self._recording.is_open
        if is_ordinary and self._passage is None and not self.link.stale and up.is_free and down.is_free:
            quiet, passing = (None, None) if draws is None else draws.look_ahead(self.exchanges + 1)
            if quiet is None or quiet >= WORTHWHILE:
                self._passage = native.begin_passage(
                    self.protocol, up, down, self._recording, quiet, passing, self.recorder.told
                )
        if self._passage is None:
            self._put_off_passage()

    def take_over(self, passage: native.Passage) -> None:
        up, down = self.link.up, self.link.down
        if passage.requests:  # else nothing has passed
            up.watch(self._on_requests)
            self._passage = passage
            passage.attach(up, down)
        for stream in (up, down):
            if stream.ended:
                self.on_end(stream)

    def _put_off_passage(self) -> None:
        self._patience = min(2 * self._patience, LAST_PASSAGE)
        self.link.up.ask_after(self._patience)

    def _end_passage(self) -> None:
        """Take over from the pump, if it frames what comes."""
        passage, self._passage = self._passage, None
        if passage is None:
            return
        up, down = self.link.up, self.link.down
        requests, replies, outstanding, up_size, open_size, down_size = passage.end(self.protocol)
        self.exchanges += requests
        self._answered += replies
        self._asked = self._answered + outstanding  # not every request gets a reply
        up.held.skip(up_size)
        down.held.skip(down_size)
        self._boundary = up.held.position - open_size
        if requests < WORTHWHILE:
            self._put_off_passage()
        else:
            self._patience = 1
            up.ask_after(self._patience)

    # Upstream

    def _on_first_request(self, data: bytes) -> bytes:
        up = self.link.up
        up.watch(self._on_requests)
        if not self.is_opaque and _CLIENT_HELLO.match(data):
            self.link.on_opaque('TLS')
            self.protocol = make_opaque_protocol(up, self.link.down)
            self._arm()  # requests have other texts from here
        data = self._on_requests(data)
        if self.is_superfluous:
            up.forward(data)
            data = b''
            self.link.simplify()
        return data

    def _on_requests(self, data: bytes) -> bytes:
        if self._passage is not None:
            self._end_passage()
        protocol, exchange, up = self.protocol, self._exchange, self.link.up
        marks: Sequence[Mark] = NOTHING
        if len(data) < protocol.upstream_body:
            protocol.skip_upstream(len(data))
        elif exchange is None or not (up.held.marks and up.held.marks[-1][0] == OPAQUE):
            if len(data) <= SLICE or protocol.is_opaque:
                data, marks = protocol.feed_upstream(data)
            else:
                data, marks = feed_upstream(protocol, data, up)
        if self.recorder is not UNRECORDED:
            self.recorder.on_upstream(data, marks)
        elif self._recording.is_open and marks:
            self._begin_recording(data, marks)
        if exchange is None or (exchange.sending and not protocol.ordered and not up.held.data):
            return self._forward(data, marks)
        up.hold(data, marks)
        exchange.on_upstream()
        self._take_turn()
        return b''

    def _begin_recording(self, data: bytes, marks: Sequence[Mark]) -> None:
        """Record exchanges from here on, if a request begins here and nothing is held."""
        held = self.link.up.held
        if self._exchange is not None or held.data or held.position != self._boundary or marks[0][0] > LAST_OPENING:
            return
        # Of opaque bytes, nobody knows how many replies there are to be.
        awaited = 0 if self.is_opaque else self._asked - self._answered
        recorder = Recorder(self._recording, self.link, awaited)
        self.recorder, self._draws = recorder, recorder.watch(self._draws, self.protocol, self.exchanges)
        recorder.on_upstream(data, marks)

    def _forward(self, data: bytes, marks: Sequence[Mark]) -> bytes:  # noqa: C901  # in one piece, as `_on_readable`
        """Return what goes on of *data*: requests up to the first that draws a behavior."""
        draws = self._draws if self._exchange is None else None
        is_opaque = False
        for mark in marks:
            kind, position = mark
            if kind <= LAST_OPENING:
                self.exchanges += 1
                if draws is not None and self.exchanges >= draws.quiet_until:
                    if draws.reads:
                        drawn = self._draw_each(draws, self._request(data, position))
                        if drawn is not None:
                            self._intercept(*drawn, data, marks[marks.index(mark) :])
                            return b''
                    else:
                        rule = draws.draw(self.exchanges)
                        if rule is not None and not self.protocol.backend_leaves and rule.is_due():
                            self._intercept(rule, None, data, marks[marks.index(mark) :])
                            return b''
                self._asked += 1
            if kind == REQUEST or kind == END:  # noqa: SIM109  # faster than a look into a tuple
                self._boundary = position
            elif kind == UNANSWERED:
                self._asked -= 1
                self.recorder.on_unanswered()
            elif kind == OPAQUE:
                is_opaque = True
            elif kind == STATEMENT and draws is not None:
                rule = self._draw_inside(draws, data, position)
                if rule is not None:
                    self._intercept_inside(rule, data, marks[marks.index(mark) :])
                    return b''
            elif kind == UPGRADE:
                self._asked -= 1
                self._intercept(None, None, data, marks[marks.index(mark) :])
                return b''
        if is_opaque:
            self.link.up.forward(data)
            self.go_opaque()
            return b''
        return data

    def _request(self, data: bytes, end: int) -> bytes:
        """Return the request in *data* whose head, if not all of it, ends at *end*."""
        begin = self.link.up.held.position
        return data[max(0, self._boundary - begin) : end - begin]

    def _draw_each(self, draws: LinkDraws, request: bytes) -> tuple[Rule, Part | None] | None:
        """Draw for each statement of a message; return the first rule that is due, and for which of several it is."""
        parts = self.protocol.split(request)
        self._statements = len(parts)
        name = self.protocol.client_name(request) if draws.names else ''
        for number, part in enumerate(parts):
            rule = draws.draw(self.exchanges, part.request, self._describe, number, name)
            if rule is not None and not self.protocol.backend_leaves and rule.is_due():
                return rule, part if len(parts) > 1 else None
        return None

    def _draw_inside(self, draws: LinkDraws, data: bytes, position: int) -> Rule | None:
        """Draw for a statement that begins at *position*, in a request that the backend has the beginning of."""
        begin = position - self.link.up.held.position
        request, describe = data[begin : begin + _SHOWN], partial(self._describe_at, position)
        name = self.protocol.client_name(request) if draws.names else ''
        rule = draws.draw(self.exchanges, request, describe, self._statements, name)
        self._statements += 1
        return rule if rule is not None and rule.is_due() else None

    def _describe(self, request: bytes) -> tuple[str, bool]:
        """Return the text of a request, and whether those bytes will always have it on this link."""
        return self._describe_at(self._boundary, request)

    def _describe_at(self, position: int, request: bytes) -> tuple[str, bool]:
        protocol = self.protocol
        return self.link.arming.describe(protocol, position, request), protocol.describes_itself(request)

    def _intercept(self, rule: Rule | None, part: Part | None, data: bytes, marks: Sequence[Mark]) -> None:
        (kind, position), *rest = marks
        up = self.link.up
        passing = self._boundary - up.held.position
        if passing > 0:  # not behind bytes that have gone on without being part of a request
            up.forward(data[:passing])
            data = data[passing:]
        expects_reply = rest[:1] != [(UNANSWERED, position)]
        if kind == UPGRADE:
            self._exchange = self._make_upgrade(self, rule, expects_reply=expects_reply)
        else:
            self._exchange = Exchange(self, rule, expects_reply=expects_reply, part=part)
        if self.recorder is not UNRECORDED:
            self.recorder.on_fault(self._exchange)
        own = [] if kind == HEAD else [(END, position)]
        up.hold(data, own + (rest if expects_reply else rest[1:]))
        self._take_turn()

    def _intercept_inside(self, rule: Rule, data: bytes, marks: Sequence[Mark]) -> None:
        (_, position), *rest = marks
        up = self.link.up
        passing = position - up.held.position
        up.forward(data[:passing])
        self._exchange = Exchange(self, rule, is_inside=True)
        self.recorder.on_fault(self._exchange)
        up.hold(data[passing:], rest)
        self._take_turn()

    def pass_following(self) -> None:
        """Send on what follows on a request, unless it has to wait because replies are matched to requests."""
        exchange = self._exchange
        if not self.protocol.ordered and exchange is not None and exchange.sending and exchange.request_ended:
            self._boundary = self.link.up.held.position
            self._forward_held()

    def _forward_held(self) -> None:
        up = self.link.up
        data, marks = up.held.replay()
        up.forward(self._forward(data, marks))
        if up.stalled:  # there is room again, if nothing else was held
            up.settle()

    def _take_turn(self) -> None:
        exchange = self._exchange
        if exchange is None or exchange.has_begun or self.link.closed:
            return
        if self._asked - exchange.is_inside == self._answered or not self.protocol.ordered:
            if self.protocol.backend_leaves:
                exchange.pass_by()
            else:
                exchange.begin()

    # Downstream

    def mark_fault(self, behavior: str) -> None:
        """Have the reply that comes next name a behavior, if the protocol can do that."""
        self.protocol.mark_fault(behavior)
        if self.protocol.edits:
            self.link.down.watch(self._on_edited_replies)

    def _on_edited_replies(self, data: bytes) -> bytes:
        """Feed what a protocol lets the client see of what the backend sent."""
        protocol = self.protocol
        if protocol.edits:
            data = protocol.edit_downstream(data)
            if isinstance(protocol, Upgrading) and protocol.warning:
                self.link.runtime.log.warning('link %d: %s', self.link.number, protocol.warning)
                protocol.on_warned()
        else:
            self.link.down.watch(self._on_replies)
        return self._on_replies(data) if data else b''

    def _on_replies(self, data: bytes) -> bytes:  # noqa: C901  # likewise
        if self._passage is not None:
            self._end_passage()
        protocol, down = self.protocol, self.link.down
        marks: Sequence[Mark] = NOTHING
        if len(data) < protocol.downstream_body:
            protocol.skip_downstream(len(data))
        else:
            if len(data) <= SLICE or protocol.is_opaque:
                marks = protocol.feed_downstream(data)
            else:
                data, marks = feed_downstream(protocol, data, down)
            for kind, _ in marks:
                if kind == REPLY:
                    if self._answered < self._asked:
                        self._answered += 1
                elif kind == GREETING:
                    self._greet()
        if self.recorder is not UNRECORDED:
            self.recorder.on_downstream(data, marks)
            if self.recorder.is_done and self._end_recording(data):
                return b''
        is_opaque = bool(marks) and marks[-1][0] == OPAQUE
        if not (is_opaque or down.holding or self._exchange is not None or self.link.stale):
            return data
        if down.holding:
            down.hold(data, marks)
        else:
            down.forward(data)
        if is_opaque:
            self.go_opaque()
        if self._exchange is not None:
            self._exchange.on_downstream(marks)
            self._take_turn()
        elif self.link.stale:
            self.link.retire()
        return b''

    def _end_recording(self, data: bytes) -> bool:
        """Record no more; return whether the link goes on without a dispatcher, and *data* was sent on."""
        self.recorder, self._draws = UNRECORDED, self.recorder.draws
        if not self.is_superfluous:
            return False
        self.link.down.forward(data)
        self.link.simplify()
        return True

    def greet_alone(self) -> None:
        """Draw for the greeting of a backend that cannot be reached; close the link if nothing is drawn."""
        self._greet()
        if self._exchange is None:
            self.link.reset()

    def _greet(self) -> None:
        self.exchanges += 1
        self._asked += not self.protocol.greets
        if self._draws is None or self._exchange is not None:
            return
        rule = self._draws.draw(self.exchanges, b'', self._describe)
        if rule is not None and rule.is_due():
            self._exchange = Exchange(self, rule, greeting=True)
            self.recorder.on_fault(self._exchange)
            self.link.down.begin_holding()
            self._exchange.begin()

    # What the exchange reports

    def count_request(self, exchange: Exchange) -> None:
        """Count a request that goes on to the backend, or was answered in its place, among those of the link."""
        self._asked += not exchange.reply_ended

    def discount_request(self) -> None:
        """Count a request no longer that has gone on in part: the backend does not see its end, and will not reply."""
        self._asked -= 1

    def count_own_request(self) -> None:
        """Count a request of the proxy's own, whose reply comes before any other."""
        self._asked += 1
        self.recorder.on_own_request()

    def on_request_swallowed(self) -> None:
        """Count a request that a behavior has read, though it was applied to the one before."""
        self.exchanges += 1
        self.protocol.withdraw()
        self.recorder.on_swallowed(self.exchanges)

    def on_exchange_over(self, exchange: Exchange) -> None:  # noqa: C901  # likewise
        """Go on with whatever is held: the behavior has done all it does."""
        link = self.link
        if self._exchange is not exchange or link.closed:
            return
        if not exchange.is_counted:
            self.count_request(exchange)
        link.down.release()  # what it left held comes before whatever the next exchange brings
        if self.recorder is not UNRECORDED:
            self.recorder.on_fault_over(exchange)
        self._exchange = None
        if self.is_broken:
            link.break_off(link.down)
            return
        if exchange.is_dropped and link.arming.marks_faults:
            self.protocol.unmark_fault()
        up = link.up
        if exchange.request_ended and not exchange.greeting:
            self._boundary = up.held.position
            if self.protocol.misread:
                self._feed_again()
        if up.held.data or up.held.marks:
            self._forward_held()
        if link.closed or self._exchange is not None:
            return
        for stream in (link.down, up):
            if stream.stalled:
                stream.settle()
        if self.protocol.is_opaque:
            link.simplify()
        if link.stale:
            link.retire()

    def _feed_again(self) -> None:
        """Have the protocol find the requests once more in what is held."""
        held, protocol = self.link.up.held, self.protocol
        kept = protocol.end_upstream()
        data, _ = held.replay()
        protocol.rewind(held.position)
        data, marks = protocol.feed_upstream(data + kept)
        self.recorder.rewind(self.exchanges)
        self.recorder.on_upstream(data, marks)
        held.append(data, marks)

    # Ends

    def go_opaque(self) -> None:
        """Go on without framing on both streams, from where they are now."""
        link = self.link
        reason, unparsed = self.protocol.opaque or Opaque('')
        if unparsed:
            text = 'link %d: not %s, opaque from here: %s'
            link.runtime.log.warning(text, link.number, self.protocol.name, reason)
        else:
            link.on_opaque(reason)
        self._send_or_hold(self.protocol.end_upstream())
        unread = self.protocol.take_unread()
        self.protocol = make_opaque_protocol(link.up, link.down)
        self._arm()  # requests have other texts from here
        link.down.forward(self._on_replies(unread) if unread else b'')
        self._take_turn()
        self.pass_following()
        link.simplify()

    def _send_or_hold(self, rest: bytes) -> None:
        up = self.link.up
        if not rest:
            return
        if self._exchange is not None:
            up.hold(rest)
            self._exchange.on_upstream()
        else:
            up.forward(rest)

    def on_end(self, stream: Stream) -> None:
        self._end_passage()
        if stream is self.link.up:
            self._send_or_hold(self.protocol.end_upstream())
            return
        unread = self.protocol.take_unread()
        stream.forward(self._on_replies(unread) if unread else b'')
        marks = self.protocol.end_downstream()
        if marks and self._answered < self._asked:
            self._answered += 1
        self.recorder.on_downstream(b'', marks)
        exchange = self._exchange
        if exchange is not None:
            exchange.on_downstream(marks)
            if not exchange.has_begun:  # its turn will never come
                exchange.pass_by()

    def may_finish(self, stream: Stream) -> bool:
        """Return whether the end of a stream may be passed on: while a behavior is at work, only the client's."""
        exchange = self._exchange
        return exchange is None or (stream is self.link.up and exchange.sending)

    def defers_reset(self) -> bool:
        """Return whether a reset by the backend waits: the client is not to see it before a behavior is done."""
        exchange = self._exchange
        if exchange is None or not exchange.has_begun:
            return False
        up, down = self.link.up, self.link.down
        self.is_broken = True
        up.abandon()
        up.settle()  # the behavior may read more of the client's
        down.end_reading()
        down.settle()
        return True
