"""Closes links on which nothing moves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from vaurien.engine.link import Link

logger = logging.getLogger(__name__)


class IdleWatch:
    """Looks at all links every so many seconds, and closes those that have received nothing since the last time.

    So a link is closed after one to two of these periods. Nothing is done for a link in between.
    """

    def __init__(self, loop: Any, links: Mapping[int, Link], seconds: float) -> None:
        self._links = links
        self._seconds = seconds
        self._seen: dict[Link, int] = {}
        self._timer: Any = loop.timer(seconds, seconds)
        self._timer.start(self._look)

    def stop(self) -> None:
        """Close no more links."""
        self._timer.stop()
        self._timer.close()

    def _look(self) -> None:
        for link in [link for link in self._links.values() if self._seen.get(link) == _count_received(link)]:
            logger.info('link %d: nothing moved for %g s, closed', link.number, self._seconds)
            link.close()
        self._seen = {link: _count_received(link) for link in self._links.values()}


def _count_received(link: Link) -> int:
    counts = link.counts()
    return counts.upstream_received + counts.downstream_received
