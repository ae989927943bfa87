"""What has happened on a proxy, in numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from operator import add
from typing import TYPE_CHECKING, Literal, NamedTuple

from vaurien.records.histogram import Meter

if TYPE_CHECKING:
    from vaurien.engine.link import Link

#: What a fault is of: `Tally.meters` has one for each kind and name.
Kind = Literal['behavior', 'toxic']


class Counts(NamedTuple):
    """Of one link, or of several."""

    exchanges: int = 0
    #: Bytes read from the client, and those written to the backend.
    upstream_received: int = 0
    upstream_sent: int = 0
    #: Bytes read from the backend, and those written to the client.
    downstream_received: int = 0
    downstream_sent: int = 0


class Tally:
    """Of the links that are open and of those that were, since the proxy was made."""

    def __init__(self, links: Mapping[int, Link]) -> None:
        """*links*: those that are open."""
        self._links = links
        self._closed = Counts()
        #: Links that found no address of the backend that accepts.
        self.connect_failures = 0
        #: What each behavior and each toxic has done, by the name of either.
        self.meters: defaultdict[tuple[Kind, str], Meter] = defaultdict(Meter)

    def note_closed(self, link: Link) -> None:
        """A link is no longer among those that are open: keep its counts."""
        self._closed = Counts._make(map(add, self._closed, link.counts()))

    def counts(self) -> Counts:
        """Of all links."""
        return Counts._make(map(sum, zip(self._closed, *(link.counts() for link in self._links.values()), strict=True)))

    def behavior_hits(self) -> dict[str, int]:
        """How many exchanges each behavior was applied to."""
        return {name: meter.hits for (kind, name), meter in self.meters.items() if kind == 'behavior'}
