"""The links of a proxy that are open, with and without an object."""

from __future__ import annotations

from _socket import socket
from collections.abc import Callable, Iterator, MutableMapping, ValuesView
from errno import EMFILE
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from struct import pack
from typing import Any

from vaurien.clock import no_pause
from vaurien.engine.dialer import Begun
from vaurien.engine.link import Link
from vaurien.engine.reserve import DESCRIPTORS
from vaurien.engine.runtime import Runtime
from vaurien.native import Totals
from vaurien.records.counts import Counts


class Links(MutableMapping[int, Link]):
    """The links by their numbers.

    Those that nothing but the pump deals with are bare, which is to say that they have no object. Whoever looks at the
    links sees objects only: each bare link gets one then. Their number and their counts are known without that.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        #: Those that have an object.
        self.made: dict[int, Link] = {}
        #: What has come over bare links that are closed.
        self.totals = Totals()
        self._is_in_order = True

    @property
    def _bare_count(self) -> int:
        pump = self._runtime.pump
        return 0 if pump is None else pump.bare_count

    def find_all(self, last: int, pause: Callable[[], object]) -> list[Link]:
        """Return the links up to the number *last*, in order, and *pause* after each that gets an object for that.

        Others may open and close meanwhile.
        """
        self._adopt_all(pause)
        return [link for number, link in self.made.items() if number <= last]

    def _adopt_all(self, pause: Callable[[], object] = no_pause) -> None:
        """Give each bare link an object, and *pause* after each of them."""
        if self._runtime.pump is not None:
            self._runtime.pump.adopt_all(pause)
        if not self._is_in_order:
            in_order = sorted(self.made.items())
            self.made.clear()
            self.made.update(in_order)
            self._is_in_order = True

    def count_bare(self) -> Counts:
        """Return the counts of bare links, open and closed. One that cannot send on what it got has an object."""
        pump, totals = self._runtime.pump, self.totals
        exchanges, upstream, upstream_sent, downstream = (0, 0, 0, 0) if pump is None else pump.count_bare()
        downstream += totals.downstream
        return Counts(
            totals.exchanges + exchanges,
            totals.upstream + upstream,
            totals.upstream_sent + upstream_sent,
            downstream,
            downstream,
        )

    def __len__(self) -> int:
        return len(self.made) + self._bare_count

    def __iter__(self) -> Iterator[int]:
        self._adopt_all()
        return iter(self.made)

    def __getitem__(self, number: int) -> Link:
        if number not in self.made:
            self._adopt_all()
        return self.made[number]

    def __setitem__(self, number: int, link: Link) -> None:
        if self.made and number < next(reversed(self.made)):
            self._is_in_order = False
        self.made[number] = link

    def __delitem__(self, number: int) -> None:
        del self.made[number]

    def values(self) -> ValuesView[Link]:
        """Return all links, in order, as a dictionary does."""
        self._adopt_all()
        return self.made.values()


def own(descriptor: int) -> socket:
    """Return the socket of a *descriptor*, which does not block."""
    sock = socket(fileno=descriptor)
    sock.setblocking(False)
    return sock


def take_begun(descriptor: int, error: int) -> Begun:
    """Return what has become of a connection that the pump has begun, as `begin_connecting` does."""
    if descriptor < 0:
        return None, error
    sock = own(descriptor)
    if DESCRIPTORS.is_reserved(descriptor):
        sock.close()
        return None, EMFILE
    return sock, error


#: The kinds of address that `pack_address` knows.
FAMILIES = (AF_INET, AF_INET6)


@lru_cache(16)
def pack_address(family: int, address: tuple[Any, ...]) -> bytes:
    """Return a socket address as the kernel has it: ``struct sockaddr_in`` of ip(7), or that of ipv6(7)."""
    host, port = inet_pton(family, address[0].partition('%')[0]), pack('!H', address[1])
    head = pack('=H', family) + port
    if family == AF_INET6:
        flow, scope = (*address[2:], 0, 0)[:2]
        return head + pack('!I', flow) + host + pack('=I', scope)
    return head + host + bytes(8)
