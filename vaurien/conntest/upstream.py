"""The URL that the server fetches for each run of a group, if the group has one."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urljoin

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
#: As many redirects as the original follows.
MAX_REDIRECTS = 10
#: Seconds that a fetch may take for which no limit is given.
LONGEST = 3600.0


class Fetched(NamedTuple):
    """The status of a response, or 0 and an error, and the nanoseconds until that was known."""

    status: int
    duration_ns: int
    error: str


class Upstream:
    """Fetches URLs with GET. It keeps connections alive, and ignores ``HTTP_PROXY`` and the like."""

    def __init__(self, max_connections: int) -> None:
        self._pools = urllib3.PoolManager(maxsize=max_connections, retries=False)

    def fetch(self, url: str, timeout_ns: int) -> Fetched:
        """Fetch *url*, and follow redirects, all within *timeout_ns* (0: within `LONGEST`)."""
        watch = Stopwatch()
        limit = gevent.Timeout(timeout_ns / SECOND if timeout_ns else LONGEST)
        fetched = None
        try:
            with limit, self._follow(url) as response:
                fetched = Fetched(response.status, watch.elapsed, '')
                if response.length_remaining is not None and response.length_remaining <= MAX_RESPONSE:
                    response.read(decode_content=False)  # 64 KiB of gzip may be 64 MiB
        except HTTPError as error:
            return fetched or Fetched(0, watch.elapsed, find_reason(error)[:MAX_ERROR])
        except gevent.Timeout as error:
            if error is not limit:  # a timeout of somebody else
                raise
            return fetched or Fetched(0, watch.elapsed, f'no answer within {timeout_ns or int(LONGEST * SECOND)} ns')
        return fetched

    def _follow(self, url: str) -> urllib3.BaseHTTPResponse:
        """Return the unread response that *url* leads to. urllib3 would read redirects, which may have no end."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._pools.request('GET', url, preload_content=False, redirect=False)
            location = response.get_redirect_location()
            if not location:
                return response
            response.close()
            try:
                url = urljoin(url, location)
            except ValueError as error:
                raise HTTPError('the redirect leads to no URL') from error
        raise HTTPError('too many redirects')

    def close(self) -> None:
        """Close all connections."""
        self._pools.clear()
