"""Watches a proxy while a test runs: injects faults into what the application asks, and keeps the entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from vaurien.address import Address
from vaurien.engine.chooser import Choice
from vaurien.explore.aiming import Aim
from vaurien.explore.model import Injection
from vaurien.framing.meaning import TransactionState
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink, Observer
from vaurien.rules.rule import Rule


class Requester(NamedTuple):
    """Who has sent a request."""

    #: Whether the test itself has asked: its function, a fixture, a helper of it.
    is_own: bool
    #: The line of the application that has asked; empty if nobody knows.
    where: str = ''


class Take:
    """What one run of a test does at one proxy, until the next run begins."""

    def __init__(self, proxy: str, aim: Aim, rules: Mapping[Injection, Rule], numbers: Iterator[int]) -> None:
        """*aim* says which fault a request meets, and *rules* what it does.

        *numbers* puts the requests at all proxies into their order.
        """
        self._proxy = proxy
        self._aim = aim
        self._rules = rules
        self._numbers = numbers
        #: Whether requests are counted, and whether faults are injected.
        self.is_counting = True
        self.is_armed = True
        #: The numbers of the requests whose exchanges are not over.
        self._asked: dict[tuple[int, int], int] = {}
        #: Whether the application has asked for anything before its run was ended.
        self.is_asked = False
        #: The exchanges of the application, with the numbers of their requests; and how many others there were.
        self.entries: list[tuple[int, Entry]] = []
        self.own = 0

    @property
    def waiting(self) -> list[int]:
        """The numbers of the links on which the application waits for a reply."""
        return [link for link, _ in list(self._asked)]

    def count(self, link: int, exchange: int, text: str, requester: Requester) -> Choice | None:
        """Count a request, and return what is to be done to it."""
        if requester.is_own:
            self.own += 1
            return None
        self.is_asked = self.is_asked or self.is_armed
        self._asked[link, exchange] = next(self._numbers)
        met = self._aim.meet(self._proxy, text) if self.is_armed else None
        return Choice(None if met is None else self._rules[met], requester.where)

    def keep(self, entry: Entry) -> None:
        """Keep the entry of an exchange that is over, if it is one of the application."""
        number = self._asked.pop((entry.link, entry.exchange), None)
        if number is not None:
            self.entries.append((number, entry))


class OpenLink:
    """What is known of a link that is open."""

    def __init__(self, client: Address | None) -> None:
        self.client = client
        #: Whether its client is in this process.
        self.is_here = False
        #: Where its transaction stands, as far as that is known.
        self.transaction: TransactionState | None = None

    @property
    def is_in_transaction(self) -> bool:
        """Whether it is in the midst of a transaction."""
        return self.transaction in (TransactionState.OPEN, TransactionState.FAILED)


class Watcher(Observer):
    """Watches one proxy, as its observer and its chooser."""

    def __init__(self, find_requester: Callable[[ObservedLink], Requester]) -> None:
        """*find_requester* is asked, in the proxy's thread, for each request that counts."""
        #: What exploring calls the proxy: it may have no name of its own.
        self.name = ''
        self._find_requester = find_requester
        self._take: Take | None = None
        self._open: dict[int, OpenLink] = {}

    @property
    def open(self) -> list[OpenLink]:
        """The links that are open."""
        return list(self._open.values())

    def rename(self, name: str) -> None:
        """Call the proxy by that *name* from here on."""
        self.name = name

    def begin(self, take: Take) -> None:
        """Keep what comes from here on in *take*."""
        self._take = take

    def choose(self, link: ObservedLink, exchange: int, text: str, nth: int, request: bytes) -> Choice | None:
        """Count a request if the test is in its call, and choose what is to be done to it."""
        take = self._take
        if take is None or not take.is_counting:
            return None
        requester = self._find_requester(link)
        if link.number in self._open:
            self._open[link.number].is_here = requester.is_own or bool(requester.where)
        return take.count(link.number, exchange, text, requester)

    def on_link(self, link: ObservedLink) -> None:
        """Note that a link is open."""
        self._open[link.number] = OpenLink(link.client_address)

    def on_closed(self, link: ObservedLink) -> None:
        """Note that it is not open any more."""
        self._open.pop(link.number, None)

    def on_exchange(self, entry: Entry) -> None:
        """Keep the entry of an exchange, and where its link stands."""
        if entry.transaction is not None and entry.link in self._open:
            self._open[entry.link].transaction = entry.transaction
        if self._take is not None:
            self._take.keep(msgspec.structs.replace(entry, proxy=self.name))
