"""The last entries of a journal, for those who ask, and for those who wait for more."""

from __future__ import annotations

from collections import deque
from itertools import islice

from gevent.event import Event

from vaurien.records.entry import Entry
from vaurien.records.page import KEPT, JournalPage


class KeptEntries:
    """Keeps the last `KEPT` entries. They have numbers, from 1.

    Nobody who reads them is waited for: who is too slow finds that some are lost.
    """

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        #: The number of the last entry; 0 if there is none.
        self.last = 0
        self._waiting: set[Event] = set()

    def add(self, entry: Entry) -> None:
        """Keep the newest entry, and wake those who wait for it."""
        self._entries.append(entry)
        self.last += 1
        for event in self._waiting:
            event.set()

    def find(self, since: int | None = None, limit: int = KEPT, proxy: str = '') -> JournalPage:
        """Return the first entries after the one of number *since*, or, without it, the last that there are.

        They are up to *limit*, and if *proxy* names one, those of that proxy only. A number that is above all others is
        that of an earlier run, and is not counted from.
        """
        first = self.last - len(self._entries) + 1
        is_known = since is not None and since <= self.last
        begin = since if since is not None and is_known else first - 1
        later = islice(enumerate(self._entries, first), max(0, begin + 1 - first), None)
        wanted = ((number, entry) for number, entry in later if proxy in ('', entry.proxy))
        found = list(islice(wanted, limit) if is_known else deque(wanted, limit))
        is_cut = is_known and len(found) == limit
        last = found[-1][0] if is_cut else self.last
        return JournalPage([entry for _, entry in found], last, max(0, first - 1 - begin))

    def wait(self, seconds: float) -> bool:
        """Wait for the next entry for so long; return whether it has come. Blocks the calling greenlet."""
        event = Event()
        self._waiting.add(event)
        try:
            return bool(event.wait(seconds))
        finally:
            self._waiting.discard(event)
