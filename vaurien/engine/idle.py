"""Closes links on which nothing moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from vaurien.engine.link import Link
from vaurien.records.proxy_log import ProxyLog

#: Links that are looked at in one turn of the event loop: all of them at once would keep every other link waiting.
PER_TURN = 200


class IdleWatch:
    """Looks at all links every so many seconds, and closes those on which nothing has moved since the last time.

    So a link is closed after one to two of these periods. Nothing is done for a link in between. A link does not count
    as idle while it connects, while a behavior or a toxic is at work on it, or while bytes wait to be sent. A link that
    leaves is idle although bytes wait to be sent: nobody but the peer that does not take them has it any more.
    """

    def __init__(self, loop: Any, links: Mapping[int, Link], seconds: float, log: ProxyLog) -> None:
        self._loop = loop
        self._links = links
        self._seconds = seconds
        self._log = log
        #: How many bytes had moved over each link at the last look.
        self._seen: dict[Link, int] = {}
        self._timer: Any = loop.timer(seconds, seconds)
        self._timer.start(self._look)
        #: The next turn of the look that is under way.
        self._turn: Any = None

    def stop(self) -> None:
        """Close no more links."""
        self._timer.stop()
        self._timer.close()
        if self._turn is not None:
            self._turn.stop()

    def _look(self) -> None:
        if self._turn is None:  # else the last look is still under way
            self._go_on(deque(self._links.values()), {})

    def _go_on(self, links: deque[Link], seen: dict[Link, int]) -> None:
        for _ in range(min(PER_TURN, len(links))):
            link = links.popleft()
            if link.closed and not link.is_leaving:
                continue
            moved = _count_moved(link)
            if self._seen.get(link) != moved or link.is_at_work:
                seen[link] = moved
            else:
                self._log.info('link %d: nothing moved for %g s, closed', link.number, self._seconds)
                link.end()
        if links:
            self._turn = self._loop.run_callback(self._go_on, links, seen)
        else:
            self._turn, self._seen = None, seen


def _count_moved(link: Link) -> int:
    """Return how many bytes have arrived and left: bytes that toxics or a slow peer held back count when they leave."""
    counts = link.counts()
    return counts.upstream_received + counts.upstream_sent + counts.downstream_received + counts.downstream_sent
