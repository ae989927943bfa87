"""What the recorders of one proxy share: who is told, who chooses, and how often each text came.

If nobody wants to know of all exchanges, recorders exist only while it is open: while somebody wants some of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import NamedTuple, Protocol

from vaurien.address import Address
from vaurien.engine.chooser import Choice, Chooser
from vaurien.engine.record import Hasher, Record
from vaurien.engine.stream import Stream
from vaurien.engine.traffic import TrafficLink
from vaurien.errors import ConfigError, describe_error
from vaurien.native import Gate
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink
from vaurien.records.proxy_log import ProxyLog
from vaurien.rules.rule import Rule

#: So many texts of requests are counted by a proxy; of more, the oldest begin with 1 again.
MAX_TEXTS = 100_000

#: So many greenlets may wait for what happens on a link; exchanges beyond that are not timed where there are toxics.
MAX_WAITERS = 8


class RecordedLink(TrafficLink, Protocol):
    """The part of a link that matters to who records its exchanges."""

    @property
    def waiters(self) -> Sequence[object]:
        """The greenlets that wait for anything to change."""

    @property
    def has_ended(self) -> bool:
        """Whether it is closed, and nothing is on its way any more."""

    def list_toxics(self) -> list[str]:
        """Return the names of the toxics at work."""


class Timed(NamedTuple):
    """An exchange that is over, and was timed to its end."""

    entry: Entry
    #: The address of the client; None once it has gone. And the names of the toxics at work.
    client: Address | None
    toxics: Sequence[str]
    #: The seconds from the request sent to the backend until the end of its reply; None if there was none.
    backend_time: float | None
    #: The seconds until the client was sent its reply; None if it was sent none, or not all.
    client_time: float | None


class Recording(Gate):
    """Counts the requests of one proxy by their texts, and asks its chooser for faults."""

    def __init__(
        self,
        proxy: str,
        on_exchange: Sequence[Callable[[Entry], None]],
        chooser: Chooser | None,
        new_hasher: Callable[[], Hasher] | None,
        prepare: Callable[[Rule, str], Rule],
        log: ProxyLog,
        *,
        is_traced: bool = False,
        only_notes: bool = False,
    ) -> None:
        """*proxy* is its name. *new_hasher* makes the digests; None: there are none. *prepare* puts a rule to work.

        Beside a rule, it takes what chance depends on in it. *log* is that of the proxy. If it
        *is_traced*, entries have the trace contexts of requests. *only_notes*: all who are told only take note of it.
        """
        self.proxy = proxy
        self.on_exchange = on_exchange
        self.chooser = chooser
        self.new_hasher = new_hasher
        self._prepare = prepare
        self.log = log
        self.is_traced = is_traced
        #: Whether each exchange is recorded, and not just some.
        self.records_all = bool(on_exchange) or chooser is not None
        #: Whether it is enough to tell of exchanges when they have passed: nobody looks at requests before.
        self.only_notes = bool(on_exchange) and only_notes and chooser is None and new_hasher is None and not is_traced
        #: Whether some more are wanted now.
        self.is_open = False
        self._take: Callable[[], object] = _take_none
        self._tell_timed: Callable[[Timed], object] | None = None
        #: How often each text came. A dictionary would look for its oldest key behind all that were deleted.
        self._counts: OrderedDict[str, int] = OrderedDict()

    # Some exchanges

    def open(self, take: Callable[[], object], tell: Callable[[Timed], object]) -> None:
        """Record some exchanges. *take* is called for each that begins; *tell* is told of each that is over."""
        self.is_open, self._take, self._tell_timed = True, take, tell

    def close(self) -> None:
        """Record no more of them. Those that have begun are told of."""
        self.is_open = False

    def begin(self, record: Record, link: RecordedLink) -> bool:
        """Begin to time an exchange that goes on now, if some are to be timed; return whether it is recorded."""
        if self.is_open and len(link.waiters) < MAX_WAITERS:
            self._take()
            record.begin_timing(monotonic())
            if link.up.chain is not None:
                link.runtime.spawn(self._await_sent, record, link)
            return True
        return self.records_all

    def _await_sent(self, record: Record, link: RecordedLink) -> None:
        """Note when a request has passed the toxics."""
        _await_gone(link, link.up)
        record.pass_on(monotonic())

    def tell(self, record: Record, link: RecordedLink, entry: Entry) -> None:
        """Tell of an exchange that is over; of one that was timed, when the client has been sent its reply."""
        for on_exchange in self.on_exchange:
            on_exchange(entry)
        if not record.is_timed:
            return
        is_on_its_way = link.down.chain is not None and not (link.closed and link.down.is_clear)
        if entry.seconds is not None and is_on_its_way and not link.has_ended:
            link.runtime.spawn(self._await_received, record, link, entry)
        else:
            self._tell_of(record, link, entry, entry.seconds)

    def _await_received(self, record: Record, link: RecordedLink, entry: Entry) -> None:
        goal = _await_gone(link, link.down)
        has_all = not link.has_ended or link.counts().downstream_sent >= goal
        self._tell_of(record, link, entry, monotonic() - record.came if has_all else None)

    def _tell_of(self, record: Record, link: RecordedLink, entry: Entry, seconds: float | None) -> None:
        if self._tell_timed is not None:
            self._tell_timed(Timed(entry, link.client_address, link.list_toxics(), record.backend_time, seconds))

    def take_over(self, begun: int, timed: Iterable[Timed]) -> None:
        """Tell of what another process has timed: how many exchanges have begun, and those that are over."""
        for _ in range(begun):
            self._take()
        for one in timed:
            if self._tell_timed is not None:
                self._tell_timed(one)

    # All exchanges

    def count(self, text: str) -> int:
        """Count one more request of that *text*; return how many there were."""
        if not self.records_all:
            return 0
        counts = self._counts
        nth = counts.get(text, 0) + 1
        if nth == 1 and len(counts) >= MAX_TEXTS:
            counts.popitem(last=False)
        counts[text] = nth
        return nth

    def choose(self, chooser: Chooser, link: ObservedLink, record: Record, request: bytes) -> tuple[Rule | None, bool]:
        """Return the rule, at work, that *chooser* wants for a request, and whether the request is to draw."""
        choice = self._ask(chooser, link, record, request)
        if choice is None:
            return None, True
        record.place(choice.where)
        if choice.rule is None:
            return None, not choice.passes
        try:
            return self._prepare(choice.rule, choice.chance), False
        except ConfigError as error:
            self.log.warning('what was chosen for %s cannot be applied: %s', record.text, error)
            return None, False

    def _ask(self, chooser: Chooser, link: ObservedLink, record: Record, request: bytes) -> Choice | None:
        try:
            choice: object = chooser.choose(link, record.number, record.text, record.nth, request)
            if choice is None or isinstance(choice, Choice):
                return choice
            reason = f'expected a Choice or None, got {choice!r}'
        except Exception as error:  # whatever somebody's chooser raises
            reason = describe_error(error)
        self.log.warning('%s failed, and %s draws: %s', type(chooser).__name__, record.text, reason)
        return None


def _take_none() -> None:
    """Do nothing: no exchange is timed before somebody wants that."""


def _await_gone(link: RecordedLink, stream: Stream) -> int:
    """Wait until the sink has taken what is on its way now, or nothing is; return how many bytes it then has taken.

    If the link ends before, the sink has taken fewer. Blocks the calling greenlet.
    """
    waiting = (0 if stream.chain is None else stream.chain.owed) + (0 if stream.unsent is None else len(stream.unsent))
    goal = stream.sent + waiting
    while not (link.has_ended or stream.is_clear or stream.sent >= goal):
        link.wait()
    return goal
