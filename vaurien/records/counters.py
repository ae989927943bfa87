"""The counters of a proxy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from operator import add
from typing import Literal, Protocol

from vaurien.clock import no_pause
from vaurien.records.counts import Arrived, Counts
from vaurien.records.faults import Fault
from vaurien.records.histogram import Histogram
from vaurien.records.observer import ObservedLink, Observer

#: What a fault comes from: `Counters.histograms` has an entry for each kind and name.
Kind = Literal['behavior', 'toxic']
#: With whom a link speaks TLS.
Peer = Literal['client', 'backend']
PEERS: tuple[Peer, ...] = ('client', 'backend')


#: How many links are asked between two pauses.
AT_ONCE = 100


class CountedLink(ObservedLink, Protocol):
    """The part of a link whose counts are added up."""

    def count_arrived(self) -> tuple[int, int, int]:
        """Return what `Arrived` has, until now or until it was closed."""


class Counters(Observer):
    """Counts what has happened on the links that are open, and on those that were, since the proxy was created.

    Nothing is counted here as bytes pass: the open links are asked for their counts when somebody wants to know.
    """

    def __init__(self, links: Mapping[int, CountedLink], count_bare: Callable[[], Counts] = Counts) -> None:
        """*links* are those that are open, by number. *count_bare* adds up what other links have counted."""
        self._links = links
        self._count_bare = count_bare
        self._closed = Counts()
        #: Links that found no address of the backend that accepts.
        self.connect_failures = 0
        #: Links whose handshake of TLS has failed, by who did not take part.
        self.tls_failures: Counter[Peer] = Counter()
        #: What each behavior and each toxic has done, by kind and name. A behavior keeps its entry when it is no longer
        #: armed: there are only so many, and Prometheus wants counters to stay. Anybody may invent names of toxics.
        self.histograms: defaultdict[tuple[Kind, str], Histogram] = defaultdict(Histogram)

    def on_unreachable(self) -> None:
        """Count a link that found no address of the backend that accepts."""
        self.connect_failures += 1

    def on_insecure(self, peer: Peer) -> None:
        """Count a link on which there is no TLS with *peer*."""
        self.tls_failures[peer] += 1

    def on_fault(self, fault: Fault) -> None:
        self.histograms['behavior', fault.behavior].count_hits()

    def on_fault_over(self, behavior: str, seconds: float) -> None:
        self.histograms['behavior', behavior].add(seconds)

    def find_toxic(self, name: str) -> Histogram:
        """Return the histogram of the toxic *name* of the proxy."""
        return self.histograms['toxic', name]

    def forget_toxic(self, name: str) -> None:
        """Forget the histogram of a toxic that is removed."""
        self.histograms.pop(('toxic', name), None)

    def on_closed(self, link: ObservedLink) -> None:
        """Keep the counts of a link that is no longer among those that are open."""
        self._closed = Counts._make(map(add, self._closed, link.counts()))

    @property
    def closed_exchanges(self) -> int:
        """The exchanges of the links that have closed, but for those that were never asked one by one."""
        return self._closed.exchanges

    def counts(self, pause: Callable[[], object] = no_pause) -> Counts:
        """Return the counts of all links together. *pause* is called after each link: meanwhile some may close."""
        bare, links = self._count_bare(), list(self._links.values())
        total = list(map(add, self._closed, bare))
        for link in links:
            total = list(map(add, total, link.counts()))
            pause()
        return Counts._make(total)

    def count_arrived(self, pause: Callable[[], object] = no_pause) -> Arrived:
        """Return what has arrived on all links together; likewise, in a tenth of the time."""
        closed, bare, links = self._closed, self._count_bare(), list(self._links.values())
        total = closed.exchanges + bare.exchanges
        upstream = closed.upstream_received + bare.upstream_received
        downstream = closed.downstream_received + bare.downstream_received
        for i in range(0, len(links), AT_ONCE):
            for link in links[i : i + AT_ONCE]:
                exchanges, up, down = link.count_arrived()
                total += exchanges
                upstream += up
                downstream += down
            pause()
        return Arrived(total, upstream, downstream)

    def behavior_hits(self) -> dict[str, int]:
        """Return the number of exchanges that each behavior was applied to."""
        return {name: histogram.hits for (kind, name), histogram in self.histograms.items() if kind == 'behavior'}
