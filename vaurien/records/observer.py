"""What is told about a proxy while it runs, to whoever keeps records of it or watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from vaurien.address import Address
from vaurien.records.counts import Counts
from vaurien.records.entry import Entry
from vaurien.records.faults import Fault


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
    """Observes a proxy. Every method is called in the event loop of the proxy, and must neither block nor raise.

    Override what you want to know: nothing else is called, and costs anything.
    """

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
        end, and before the end of the link.
        """

    def on_closed(self, link: ObservedLink) -> None:
        """Note that both connections of a link are closed."""


class Observers:
    """The observers of a proxy. Each event has a list of the methods that want to know of it."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        observers = list(observers)
        self.on_link = [one.on_link for one in observers if type(one).on_link is not Observer.on_link]
        self.on_request = [one.on_request for one in observers if type(one).on_request is not Observer.on_request]
        self.on_fault = [one.on_fault for one in observers if type(one).on_fault is not Observer.on_fault]
        self.on_fault_over = [
            one.on_fault_over for one in observers if type(one).on_fault_over is not Observer.on_fault_over
        ]
        self.on_exchange = [one.on_exchange for one in observers if type(one).on_exchange is not Observer.on_exchange]
        self.on_closed = [one.on_closed for one in observers if type(one).on_closed is not Observer.on_closed]
