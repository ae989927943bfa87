"""Records the exchanges of links, for observers that want them, and asks a chooser for faults.

A record waits in one of two queues. *Come* are the requests whose marks were seen: behind a fault, they are held for a
while. *Asked* are those for which the dispatcher has drawn, and which expect a reply.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import monotonic

from vaurien.engine.arming import LinkDraws
from vaurien.engine.record import Record
from vaurien.engine.recording import RecordedLink, Recording
from vaurien.engine.unrecorded import FaultyExchange, Unrecorded
from vaurien.framing.marks import END, HEAD, INTERIM, LAST_OPENING, PROMPT, REPLY, Mark
from vaurien.plugins.failures import warn_failed
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.rule import Rule
from vaurien.rules.selector import Ahead, Describe, undescribed

#: So many requests of a link may wait for replies; those that come behind them are not recorded, until all have theirs.
MAX_ASKED = 10_000

#: The protocol of a recorder that has not begun.
_NONE_YET = BaseProtocol()


class Recorder(Unrecorded):
    """Records the exchanges of one link. The dispatcher draws from it, and it from what is armed."""

    #: As of `Draws`: every request is drawn for.
    quiet_until = 0

    def __init__(self, recording: Recording, link: RecordedLink, awaited: int = 0) -> None:
        """*awaited* is how many replies come before those of the exchanges that it will record."""
        self._recording = recording
        self._link = link
        self._describe = link.arming.describe
        self._protocol = _NONE_YET
        self._draws: LinkDraws | None = None
        self.reads = self.names = False
        self._come: deque[Record] = deque()
        self._asked: deque[Record] = deque()
        #: The record that was opened last, the one whose request goes on, and the one that meets a behavior.
        self._last: Record | None = None
        self._unended: Record | None = None
        self._faulty: Record | None = None
        #: The number of the last exchange that has come, and of the last that has drawn.
        self._number = 0
        self._drawn = 0
        #: Whether that one draws: nothing was chosen for it.
        self._draws_now = True
        #: Where, upstream, the last whole request has ended.
        self._boundary = 0
        #: How many replies are expected before all others, such as those to requests of the proxy's own; and to
        #: requests that are not recorded, behind all others.
        self._own = awaited
        self._skipped = 0

    def watch(self, draws: LinkDraws | None, protocol: BaseProtocol, exchanges: int) -> Recorder:
        """Go on with what is armed now, and with the protocol of the link; it may be another one. Return itself."""
        self._draws = draws
        self.reads, self.names = (False, False) if draws is None else (draws.reads, draws.names)
        if protocol is not self._protocol:
            self._end_replies()
            self._protocol = protocol
            self.rewind(exchanges)
        return self

    @property
    def draws(self) -> LinkDraws | None:
        """What draws for the link once its exchanges are recorded no more."""
        return self._draws

    @property
    def is_done(self) -> bool:
        recording = self._recording
        if recording.records_all or (recording.is_open and not self._skipped):
            return False
        return not (self._asked or self._come or self._unended or self._faulty)

    @property
    def takes_whole(self) -> bool:
        asked = self._asked
        is_between = not (self._come or self._unended or self._faulty or self._own or self._skipped)
        return is_between and self._recording.only_notes and not (asked and asked[0].size)

    @property
    def told(self) -> Recorder:
        return self

    def _end_replies(self) -> None:
        """End the replies that have begun: framing has ended behind them."""
        self._skipped = 0
        while self._asked and self._asked[0].size and self._asked[0] is not self._faulty:
            self._finish(self._asked.popleft())

    def rewind(self, exchanges: int) -> None:
        self._come.clear()
        self._number = exchanges
        self._boundary = self._link.up.held.end

    # Upstream

    def on_upstream(self, data: bytes, marks: Sequence[Mark]) -> None:
        if not marks and self._unended is None:
            return
        held = self._link.up.held
        offset, start = held.position + len(held.data), 0  # `held.end`, without the call
        for kind, position in marks:
            stop = position - offset
            if kind <= LAST_OPENING:
                begin, new_hasher = self._boundary, self._recording.new_hasher
                self._number += 1
                record = Record(
                    self._number,
                    data[begin - offset if begin > offset else 0 : stop],
                    begin,
                    None if kind == HEAD else position,
                    None if new_hasher is None else new_hasher(),
                )
                self._come.append(record)
                if kind == HEAD:
                    self._unended = record
                else:
                    self._boundary = position
                start = stop
            elif kind == END and self._unended is not None:
                self._unended.add_request(data[start:stop])
                self._end_request(self._unended, position)
                start = stop
        if self._unended is not None and start < len(data):
            self._unended.add_request(data[start:])

    def _end_request(self, record: Record, position: int) -> None:
        self._boundary = position
        self._unended = None
        record.end_request(position)
        record.pass_on(monotonic())
        if record.is_replied and record is not self._faulty:
            self._finish(record, is_replied=record.size > 0)

    # The draw

    def draw(
        self,
        exchange: int,
        request: bytes = b'',
        describe: Describe = undescribed,
        statement: int = 0,
        client_name: str = '',
    ) -> Rule | None:
        """Return the rule that is chosen for the exchange, or that it draws; record it at the first of its draws."""
        if exchange != self._drawn:
            self._drawn = exchange
            rule = self._open(exchange)
            if rule is not None:
                return rule
        draws = self._draws
        if draws is None or not self._draws_now or exchange < draws.quiet_until:
            return None
        return draws.draw(exchange, request, describe, statement, client_name)

    def look_ahead(self, exchange: int) -> Ahead:
        """Return what is known of the exchanges from that one on. It is told of them all the same."""
        return (None, None) if self._draws is None else self._draws.look_ahead(exchange)

    def _open(self, exchange: int) -> Rule | None:
        """Expect a reply to a request that goes on now; return the rule that is chosen for it."""
        asked, come, recording = self._asked, self._come, self._recording
        self._last = record = come.popleft() if come and come[0].number == exchange else self._find_record(exchange)
        if self._protocol.is_opaque and asked:
            self._give_up_replies()
        if self._skipped or len(asked) >= MAX_ASKED or not recording.begin(record, self._link):
            self._last = None
            self._skipped += 1
            self._draws_now = True
            return None
        asked.append(record)
        request = record.request
        self._name(record)
        if recording.chooser is None:
            return None
        rule, self._draws_now = recording.choose(recording.chooser, self._link, record, request)
        return rule

    def _find_record(self, exchange: int) -> Record:
        """Return the record of an exchange that has come; a new one if it is that of a greeting."""
        come = self._come
        while come and come[0].number < exchange:  # it has passed without a draw: opaque bytes behind others
            come.popleft()
        if come and come[0].number == exchange:
            return come.popleft()
        self._number = exchange
        return Record(exchange, b'', self._boundary, self._boundary, None)

    def _name(self, record: Record) -> None:
        protocol, request, meaning = self._protocol, record.request, record.meaning
        text = self._describe(protocol, record.begin, request)
        try:
            meaning = protocol.meaning(request, text)
        except Exception as error:  # whatever somebody's protocol raises
            warn_failed(protocol, error, self._recording.log)
        if self._recording.is_traced:
            record.trace(protocol.traceparent(request))
        record.name(text, self._recording.count(text), meaning)

    def _give_up_replies(self) -> None:
        """Expect no reply to opaque chunks any more, for there is another one."""
        for record in list(self._asked):
            if record is not self._faulty:
                self._asked.remove(record)
                self._finish(record, is_replied=False)

    def on_unanswered(self) -> None:
        if self._last is None:
            self._skipped -= 1
            return
        record = self._asked.pop()
        if record.end is None:  # the rest of it is still to come
            record.end_reply()
        else:
            self._finish(record, is_replied=False)

    # What has passed by whole messages

    def on_whole_request(self, request: bytes, now: float) -> None:
        """Note a request that has passed: see `Told`."""
        self._number += 1
        begin, self._boundary = self._boundary, self._boundary + len(request)
        if self._skipped or len(self._asked) >= MAX_ASKED:
            self._skipped += 1
            return
        record = Record(self._number, request, begin, self._boundary, None, now)
        self._asked.append(record)
        self._name(record)

    def on_whole_reply(self, reply: bytes, now: float) -> None:
        """Note a reply that has passed."""
        if not self._asked:
            self._skipped -= self._skipped > 0
            return
        record = self._asked.popleft()
        record.add_reply(reply, now)
        record.end_reply(now)
        self._finish(record, now)

    # The fault

    def on_fault(self, exchange: FaultyExchange) -> None:
        self._faulty = self._last
        if self._faulty is not None:
            self._faulty.meet(exchange)

    def on_passing(self) -> None:
        if self._faulty is not None:
            self._faulty.pass_on(monotonic())

    def on_answer(self, data: bytes) -> None:
        if self._faulty is not None:
            self._faulty.add_answer(data)

    def on_prompted(self) -> None:
        if self._faulty is not None:
            self._faulty.forget_reply()
            self._go_on(self._faulty)

    def on_own_request(self) -> None:
        self._own += 1

    def on_fault_over(self, exchange: FaultyExchange) -> None:
        record, self._faulty = self._faulty, None
        if record is None:
            self._skipped -= exchange.is_dropped or not exchange.expects_reply
            return
        record.end_fault()
        if exchange.is_dropped or record.is_replied or not exchange.expects_reply:
            if not record.is_replied:
                self._asked.remove(record)
            self._finish(record, executed=not exchange.is_dropped, is_replied=record.is_answered or record.is_replied)

    def on_swallowed(self, exchange: int) -> None:
        self._drawn = exchange
        record = self._find_record(exchange)
        self._name(record)
        self._finish(record, executed=False, is_replied=False)

    # Downstream

    def on_downstream(self, data: bytes, marks: Sequence[Mark]) -> None:
        asked = self._asked
        if not (asked or self._own or self._skipped):
            return
        held, now = self._link.down.held, monotonic()
        offset, start = held.position + len(held.data), 0
        for kind, position in marks:
            stop = position - offset
            if kind == REPLY and self._own:
                self._own -= 1
            elif kind == REPLY and asked:
                record = asked.popleft()
                if record is not self._faulty and record.end is not None:
                    record.add_reply(data[start:stop], now)
                    record.end_reply(now)
                    self._finish(record, now)
                else:
                    self._add_reply(record, data[start:stop], now)
                    record.end_reply(now)
            elif kind == REPLY:
                self._skipped -= self._skipped > 0
            elif kind in (INTERIM, PROMPT):
                if asked and not self._own:
                    asked[0].forget_reply()
                    if kind == PROMPT:
                        self._go_on(asked[0])
            else:
                continue
            start = stop
        if start < len(data) and asked and not self._own:
            self._add_reply(asked[0], data[start:], now)

    def _add_reply(self, record: Record, data: bytes, now: float) -> None:
        if not record.is_answered:
            record.add_reply(data, None if self._link.down.holding else now)

    def _go_on(self, record: Record) -> None:
        record.end_request(None)
        self._unended = record

    # The end

    def on_closed(self) -> None:
        up, faulty, unended = self._link.up, self._faulty, self._unended
        sent = up.held.position - (0 if up.unsent is None else len(up.unsent))
        records = [*self._asked]
        if faulty is not None:
            records.insert(0, faulty)
            if self._link.down.holding and not faulty.is_answered:  # the client has got nothing of it
                faulty.forget_reply()
        if unended is not None and unended.is_replied:  # before all of it had come
            records.append(unended)
        for record in dict.fromkeys(records):
            is_executed = record.passes and record.end is not None and record.end <= sent and self._link.has_backend
            if record.end is None:
                record.end_request(max(sent, record.begin))
            has_all = record.is_replied and record.size > 0 and not record.is_answered
            is_whole = has_all if record.passes else record.is_answered
            self._finish(record, executed=is_executed, is_replied=is_whole)
        self._asked.clear()

    def _finish(
        self, record: Record, now: float | None = None, *, executed: bool = True, is_replied: bool = True
    ) -> None:
        """Tell the observers of an exchange that is over."""
        recording, protocol, reply, middle = self._recording, self._protocol, None, 0
        try:
            if is_replied:
                reply = protocol.reply_meaning(record.head, record.tail, record.meaning)
            if record.size:
                middle = protocol.find_middle(record.head, record.size)
        except Exception as error:  # whatever somebody's protocol raises
            warn_failed(protocol, error, self._recording.log)
        entry = record.make_entry(
            recording.proxy, self._link.number, executed, reply, middle, monotonic() if now is None else now
        )
        recording.tell(record, self._link, entry)
