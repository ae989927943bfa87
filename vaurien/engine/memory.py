"""Gives memory back to the system once the links that needed it are gone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

import gevent

#: Seconds between two looks.
INTERVAL = 1.0


class Linked(Protocol):
    """The part of a proxy that matters here."""

    links_total: int

    @property
    def links(self) -> Collection[Any]:
        """The open links."""


class MemoryWatch:
    """Looks now and then whether links have come and gone and none is open, and then returns what they have left free.

    What many links held at once leaves gaps in the heap of glibc, which fills them again but never returns them by
    itself (malloc_trim(3)). Nobody waits for it: there is no link, and a thread does it.
    """

    def __init__(self, loop: Any, find_proxies: Callable[[], Collection[Linked]]) -> None:
        self._find_proxies = find_proxies
        #: How many links there had been when memory was last returned.
        self._seen = 0
        self._timer: Any = loop.timer(INTERVAL, INTERVAL)
        self._timer.start(self._look)

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()
        self._timer.close()

    def _look(self) -> None:
        proxies = self._find_proxies()
        total = sum(proxy.links_total for proxy in proxies)
        if total != self._seen and not any(proxy.links for proxy in proxies):
            self._seen = total
            gevent.get_hub().threadpool.spawn(trim)


def trim() -> None:
    """Return free memory to the system, where the C library can."""
    import ctypes  # late: most processes end before they need it

    trim_heap = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim_heap is not None:  # glibc has it, musl and macOS have not
        trim_heap(0)
