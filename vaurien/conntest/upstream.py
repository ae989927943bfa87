"""The URL that the server fetches for each run of a group, if the group has one."""

from __future__ import annotations

from typing import NamedTuple

import gevent
import urllib3
from urllib3.exceptions import HTTPError

from vaurien.conntest.timestamps import SECOND, Stopwatch
from vaurien.errors import find_reason

#: The most bytes of a response that are read, so that its connection can be used again. A response that is longer, or
#: of unknown length, may have no end: its connection is closed.
MAX_RESPONSE = 64 * 1024
#: The most characters of an error that are recorded: `store` reserves room for them.
MAX_ERROR = 200
#: No retries, and as many redirects as the original follows.
RETRIES = urllib3.Retry(total=None, connect=0, read=0, redirect=10, status=0, other=0)


class Fetched(NamedTuple):
    """The status of a response, or 0 and an error, and the nanoseconds until that was known."""

    status: int
    duration_ns: int
    error: str


class Upstream:
    """Fetches URLs with GET. It keeps connections alive, and ignores ``HTTP_PROXY`` and the like."""

    def __init__(self, max_connections: int) -> None:
        self._pools = urllib3.PoolManager(maxsize=max_connections, retries=RETRIES)

    def fetch(self, url: str, timeout_ns: int) -> Fetched:
        """Fetch *url*, and follow redirects, all within *timeout_ns* (0: without limit)."""
        watch = Stopwatch()
        limit = gevent.Timeout(timeout_ns / SECOND if timeout_ns else None)
        fetched = None
        try:
            with limit, self._pools.request('GET', url, preload_content=False) as response:
                fetched = Fetched(response.status, watch.elapsed, '')
                if response.length_remaining is not None and response.length_remaining <= MAX_RESPONSE:
                    response.read()
        except HTTPError as error:
            return fetched or Fetched(0, watch.elapsed, find_reason(error)[:MAX_ERROR])
        except gevent.Timeout as error:
            if error is not limit:  # a timeout of somebody else
                raise
            return fetched or Fetched(0, watch.elapsed, f'no answer within {timeout_ns} ns')
        return fetched

    def close(self) -> None:
        """Close all connections."""
        self._pools.clear()
