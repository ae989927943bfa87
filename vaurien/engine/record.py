"""An exchange while it lasts: what is known so far of its request, its reply and its fault."""

from __future__ import annotations

from time import monotonic, time
from typing import Any, Protocol

from msgspec import to_builtins
from msgspec.structs import replace

from vaurien.engine.unrecorded import FaultyExchange
from vaurien.framing.meaning import SHOWN_OF_REPLY, Effect, Meaning, ReplyMeaning
from vaurien.records.entry import Entry
from vaurien.rules.rule import Rule


class Hasher(Protocol):
    """Makes a digest of a request, piece by piece, as the hashes of `hashlib` do."""

    def update(self, data: bytes, /) -> None:
        """Add the next bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes until now."""


class Record:
    """One exchange of a link. Its recorder makes it when the request has come, and an `Entry` of it when it is over."""

    # Defaults of the class, because most records change few of them, and there is a record for each request.
    text = ''
    nth = 0
    meaning = Meaning(Effect.WRITE)
    where = ''
    traceparent = ''
    #: The exchange that applies a behavior to it, and the rule.
    exchange: FaultyExchange | None = None
    rule: Rule | None = None
    chance = ''
    #: Whether the reply of the backend has ended; and whether a behavior has written something in its place.
    is_replied = False
    is_answered = False
    #: Whether it is timed; when the request had gone on to the backend, and when the backend's reply had ended.
    is_timed = False
    passed = 0.0
    replied: float | None = None
    #: The first and the last bytes of the reply, its size, and when it began.
    head = b''
    tail = b''
    size = 0
    first: float | None = None

    def __init__(
        self, number: int, request: bytes, begin: int, end: int | None, hasher: Hasher | None, came: float | None = None
    ) -> None:
        """*request* has the head, at least. It begins at *begin* and ends at *end*; None: nobody knows yet.

        *came* is when it came, on the monotonic clock; None: just now.
        """
        self.number = number
        self.request = request
        self.begin = begin
        self.end = end
        self.hasher = hasher
        now = monotonic()
        self.came = now if came is None else came
        self.time = time() - (now - self.came)
        if hasher is not None:
            hasher.update(request)

    # The request

    def name(self, text: str, nth: int, meaning: Meaning) -> None:
        """Note what it is called, and what it means; its bytes are needed no longer."""
        self.request = b''
        self.text = text
        self.nth = nth
        self.meaning = meaning

    def place(self, where: str) -> None:
        """Note where it comes from."""
        self.where = where

    def trace(self, traceparent: str) -> None:
        """Note the trace context that the request carries."""
        self.traceparent = traceparent

    def add_request(self, data: bytes) -> None:
        """Add more of the request."""
        if self.hasher is not None:
            self.hasher.update(data)

    def end_request(self, end: int | None) -> None:
        """Note where the request ends; None: it goes on."""
        self.end = end

    # Times

    def begin_timing(self, now: float) -> None:
        """Time it; the request goes on *now*."""
        self.is_timed = True
        self.passed = now

    def pass_on(self, now: float) -> None:
        """Note that the request, or the last of it, goes on to the backend *now*, and not before."""
        self.passed = now

    @property
    def backend_time(self) -> float | None:
        """The seconds from the request sent to the backend until the end of its reply; None if there was none."""
        return None if self.replied is None else max(0.0, self.replied - self.passed)

    # The fault

    def meet(self, exchange: FaultyExchange) -> None:
        """Note that a behavior is going to be applied to it."""
        self.exchange = exchange
        self.rule = exchange.rule

    def end_fault(self) -> None:
        """Note that the behavior is done, or was never begun, and that what it has held goes on."""
        if self.exchange is not None and not self.exchange.has_begun:
            self.rule = None
        self.chance = self._find_chance()
        self.exchange = None
        if self.size and self.first is None:
            self.first = monotonic()

    @property
    def passes(self) -> bool:
        """Whether the request goes on to the backend, or has gone."""
        return self.exchange is None or (self.exchange.sending and not self.exchange.is_dropped)

    def _find_chance(self) -> str:
        """Return what chance depends on in the fault; nothing if there is none."""
        if self.rule is None or self.exchange is None:
            return self.chance
        return self.exchange.chance

    # The reply

    def add_reply(self, data: bytes, now: float | None) -> None:
        """Add more of the reply; *now* is when the client gets it, None: later."""
        if not self.size:
            self.head = data[:SHOWN_OF_REPLY]
            self.tail = data[-SHOWN_OF_REPLY:]
        else:
            if len(self.head) < SHOWN_OF_REPLY:
                self.head += data[: SHOWN_OF_REPLY - len(self.head)]
            self.tail = (self.tail + data[-SHOWN_OF_REPLY:])[-SHOWN_OF_REPLY:]
        self.size += len(data)
        if self.first is None:
            self.first = now

    def forget_reply(self) -> None:
        """Forget what came until now: that was no part of the reply."""
        self.head = self.tail = b''
        self.size = 0
        self.first = None

    def add_answer(self, data: bytes) -> None:
        """Add more of what a behavior writes in the place of the reply."""
        if not self.is_answered:
            self.forget_reply()
            self.is_answered = True
        self.add_reply(data, monotonic())

    def end_reply(self, now: float | None = None) -> None:
        """Note that the backend's reply has ended *now*; None: there is none."""
        self.is_replied = True
        self.replied = now

    # The end

    def make_entry(
        self, proxy: str, link: int, executed: bool, reply: ReplyMeaning | None, middle: int, now: float
    ) -> Entry:
        """Return what is kept of it, *now* that it is over. *reply* is what it means; None: it is not whole."""
        came, first, meaning = self.came, self.first, self.meaning
        kind, transaction = (None, None) if reply is None else reply
        # Up to fifteen arguments by name are cheap; of more, Python makes a dictionary. So what is rare is added below.
        entry = Entry(
            time=self.time,
            proxy=proxy,
            link=link,
            exchange=self.number,
            request=self.text,
            nth=self.nth,
            effect=meaning.effect,
            repeatable=meaning.repeatable,
            reply=kind,
            first=None if first is None else first - came,
            seconds=None if reply is None else now - came,
            sent=(self.begin if self.end is None else self.end) - self.begin,
            received=self.size,
            middle=middle,
        )
        rare = self.where or self.traceparent or meaning.key or transaction
        if self.rule is None and executed and self.hasher is None and not rare:
            return entry
        return replace(
            entry,
            key=meaning.key,
            transaction=transaction,
            executed=executed,
            digest='' if self.hasher is None else self.hasher.hexdigest(),
            where=self.where,
            traceparent=self.traceparent,
            behavior=None if self.rule is None else self.rule.name,
            options={} if self.rule is None else _list_options(self.rule),
            chance=self._find_chance(),
        )


def _list_options(rule: Rule) -> dict[str, Any]:
    """Return the options of *rule* that have a value, ready for JSON."""
    return {name: to_builtins(value, enc_hook=str) for name, value in rule.options.items() if value is not None}
