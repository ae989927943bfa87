"""The requests of a client beside the runs: to create a group, to fetch its record, to delete it.

They are no part of the measurement, so they are repeated if they fail. Behind a proxy that makes one request in ten
fail, the runs show that, and their record still arrives.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from vaurien.conntest.messages import RunGroup
from vaurien.conntest.plan import Plan
from vaurien.conntest.urls import check_url
from vaurien.errors import ConfigError, RemoteError, find_reason

#: Seconds to connect, and then for the next bytes of a response.
TIMEOUT = 30.0
#: No retry if nobody listens (connect=0), nor after a status that the server means, such as 404. The pauses between
#: two attempts are 0.1 s, 0.2 s, 0.4 s, then half a second.
RETRIES = urllib3.Retry(
    total=8,
    connect=0,
    allowed_methods=None,
    status_forcelist=(500, 501, 502, 503, 504),
    backoff_factor=0.05,
    backoff_max=0.5,
    raise_on_status=False,
    respect_retry_after_header=False,
)

MessageType = TypeVar('MessageType')


class Remote:
    """The server at *url*. Raises `ConfigError` if that is no URL of a server. Its requests raise `RemoteError`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip('/')
        self.base = check_url(self.url)
        if self.base.query or self.base.fragment or self.base.username is not None:
            raise ConfigError(f'{url!r} has more than host, port and path: expected http://host:port')
        self._pools = urllib3.PoolManager(retries=RETRIES, timeout=TIMEOUT)  # which ignores HTTP_PROXY and the like

    def create(self, plan: Plan) -> RunGroup:
        """Create a group."""
        return self._decode(self._call('POST', '/test-groups/create', msgspec.json.encode(plan)), RunGroup)

    def fetch(self, group_id: str) -> RunGroup:
        """Fetch a group with the runs that have arrived so far."""
        response = self._call('GET', f'/test-groups/{_quote(group_id)}')
        if response.status == HTTPStatus.NOT_FOUND:
            raise RemoteError(f'{self.url} has no test group {group_id!r}')
        return self._decode(response, RunGroup)

    def delete(self, group_id: str) -> None:
        """Delete a group."""
        self._check(self._call('DELETE', f'/test-groups/{_quote(group_id)}'))

    def path_of(self, group_id: str) -> str:
        """Return the path of a run without its number."""
        return f'{self.base.path}/test-groups/{_quote(group_id)}/'

    def close(self) -> None:
        """Close all connections."""
        self._pools.clear()

    def _call(self, method: str, path: str, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
        try:
            return self._pools.request(method, self.url + path, body=body)
        except HTTPError as error:
            raise RemoteError(f'cannot reach {self.url}: {find_reason(error)}') from None

    def _check(self, response: urllib3.BaseHTTPResponse) -> bytes:
        if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            return response.data
        is_text = 'text/plain' in response.headers.get('Content-Type', '')
        reason = (is_text and response.data[:200].decode(errors='replace')) or response.reason
        raise RemoteError(f'{self.url} answers {response.status}: {reason}')

    def _decode(self, response: urllib3.BaseHTTPResponse, kind: type[MessageType]) -> MessageType:
        try:
            return msgspec.json.decode(self._check(response), type=kind)
        except msgspec.DecodeError as error:
            raise RemoteError(f'{self.url} is no conntest server: {error}') from None


def _quote(group_id: str) -> str:
    return quote(group_id, safe='', errors='surrogateescape')  # a command line may have bytes that are not UTF-8
