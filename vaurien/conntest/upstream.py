"""What the server fetches for a run, if its group says so."""

from __future__ import annotations

from typing import NamedTuple

import gevent
import urllib3
from urllib3.exceptions import HTTPError

from vaurien.conntest.moments import SECOND, Stopwatch
from vaurien.errors import find_reason

#: The most bytes of an answer that are read, for its connection to be used again. One that is longer, or that does not
#: tell, may have no end: its connection is closed.
MAX_ANSWER = 64 * 1024
#: The most characters of an error that are kept.
MAX_ERROR = 200
#: As many redirects as the original follows, and no second try.
RETRIES = urllib3.Retry(total=None, connect=0, read=0, redirect=10, status=0, other=0)


class Fetched(NamedTuple):
    """What came of it: a status, or 0 and an error; nanoseconds until it was known."""

    status: int
    duration_ns: int
    error: str


class Upstream:
    """Fetches URLs, with GET, over connections that it keeps; straight, by no proxy of the environment."""

    def __init__(self, max_connections: int) -> None:
        self._pools = urllib3.PoolManager(maxsize=max_connections, retries=RETRIES)

    def fetch(self, url: str, timeout_ns: int) -> Fetched:
        """The status of *url*, redirects followed, within *timeout_ns* in all (0: however long it takes)."""
        watch = Stopwatch()
        limit = gevent.Timeout(timeout_ns / SECOND if timeout_ns else None)
        fetched = None
        try:
            with limit, self._pools.request('GET', url, preload_content=False) as response:
                fetched = Fetched(response.status, watch.elapsed, '')
                if response.length_remaining is not None and response.length_remaining <= MAX_ANSWER:
                    response.read()
        except HTTPError as error:
            return fetched or Fetched(0, watch.elapsed, find_reason(error)[:MAX_ERROR])
        except gevent.Timeout as error:
            if error is not limit:
                raise
            return fetched or Fetched(0, watch.elapsed, f'no answer within {timeout_ns} ns')
        return fetched

    def close(self) -> None:
        """Close what is kept."""
        self._pools.clear()
