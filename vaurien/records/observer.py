"""What is told about a proxy while it runs, to whoever keeps records of it or watches it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Protocol

from vaurien.address import Address
from vaurien.errors import describe_error
from vaurien.records.counts import Counts
from vaurien.records.entry import Entry
from vaurien.records.faults import Fault
from vaurien.records.origin import What
from vaurien.records.proxy_log import NO_PROXY, ProxyLog


class ObservedLink(Protocol):
    """The part of a link that observers may use."""

    @property
    def number(self) -> int:
        """The number of the link on its proxy, from 1."""

    @property
    def client_address(self) -> Address | None:
        """The address of the client; None once the client has gone."""

    def counts(self) -> Counts:
        """Return the numbers that it has counted until now, or until it was closed."""


class Observer:
    """Observes a proxy. Every method is called in the event loop of the proxy, and must not block.

    An exception that one of them raises is a warning in the log, and everything else goes on.

    Override what you want to know: nothing else is called, and costs anything.
    """

    #: Whether entries are to have the trace context of requests, for which each of them is looked at.
    wants_traces: ClassVar[bool] = False
    #: Whether it only takes note of exchanges: then it may be told when the client has the reply, which costs less.
    only_notes: ClassVar[bool] = False

    def on_link(self, link: ObservedLink) -> None:
        """Note that a client was accepted."""

    def on_request(self, link: ObservedLink, exchange: int, describe: Callable[[], str]) -> None:
        """Note that a request has come, the *exchange*-th of its link; *describe* returns its text.

        Every request is looked at for the sake of this, which costs time. Of opaque bytes, those that follow on a chunk
        while a behavior is applied to it draw nothing, and are not told of.
        """

    def on_fault(self, fault: Fault) -> None:
        """Note that a behavior is applied to a request."""

    def on_fault_over(self, behavior: str, seconds: float) -> None:
        """Note that a behavior is done, and for how many seconds it has held the exchange."""

    def on_exchange(self, entry: Entry) -> None:
        """Note that an exchange is over: its reply has ended, or it gets none, or the link is closed.

        Every message is looked at for the sake of this, which costs time. It is told in the order in which exchanges
        end, and before the end of the link; and before the client has the end of the reply, unless it `only_notes`.
        """

    def on_closed(self, link: ObservedLink) -> None:
        """Note that both connections of a link are closed."""

    def on_change(self, what: What, text: str) -> None:
        """Note that something of the proxy was changed: what, and a *text* that says how."""


#: The events, each a method of `Observer`.
_EVENTS = ('on_link', 'on_request', 'on_fault', 'on_fault_over', 'on_exchange', 'on_closed', 'on_change')


class Observers:
    """The observers of a proxy. Each event has a list of the methods that want to know of it."""

    def __init__(self, observers: Iterable[Observer], log: ProxyLog = NO_PROXY) -> None:
        """*log* is that of the proxy."""
        self._log = log
        self.on_link: list[Callable[[ObservedLink], None]] = []
        self.on_request: list[Callable[[ObservedLink, int, Callable[[], str]], None]] = []
        self.on_fault: list[Callable[[Fault], None]] = []
        self.on_fault_over: list[Callable[[str, float], None]] = []
        self.on_exchange: list[Callable[[Entry], None]] = []
        self.on_closed: list[Callable[[ObservedLink], None]] = []
        self.on_change: list[Callable[[What, str], None]] = []
        #: Whether all who are told of exchanges only take note of them.
        self.only_notes = True
        for observer in observers:
            self.add(observer)

    def add(self, observer: Observer) -> None:
        """Tell one more observer, of faults and changes from now on, and of links and requests as links open."""
        for name, method in self._list_overridden(observer):
            getattr(self, name).append(method)
            if name == 'on_exchange':
                self.only_notes = self.only_notes and observer.only_notes

    def remove(self, observer: Observer) -> None:
        """Tell an observer no more."""
        for name, method in self._list_overridden(observer):
            getattr(self, name).remove(method)

    def _list_overridden(self, observer: Observer) -> list[tuple[str, Any]]:
        is_own = type(observer).__module__.startswith('vaurien.')
        return [
            (name, getattr(observer, name) if is_own else Guarded(observer, name, self._log))
            for name in _EVENTS
            if getattr(type(observer), name) is not getattr(Observer, name)
        ]


class Guarded:
    """Calls a method of somebody's observer. An exception that it raises is a warning, and harms nobody else."""

    def __init__(self, observer: Observer, name: str, log: ProxyLog) -> None:
        self._method = getattr(observer, name)
        self._log = log

    def __call__(self, *args: object) -> None:
        try:
            self._method(*args)
        except Exception as error:
            log = self._log
            text, is_wanted = describe_error(error), log.is_enabled(logging.DEBUG)
            log.warning('%s failed: %s', self._method.__qualname__, text, exc_info=is_wanted)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Guarded) and self._method == other._method

    def __hash__(self) -> int:
        return hash(self._method)
