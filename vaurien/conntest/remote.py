"""The requests of a client beside the runs: to create a group, to fetch its record, to delete it.

They are no part of the measurement, so they are repeated if they fail. Behind a proxy that makes one request in ten
fail, the runs show that, and their record still arrives.
"""

from __future__ import annotations

import socket
import ssl
from http import HTTPStatus
from time import sleep
from typing import TypeVar
from urllib.parse import quote

import msgspec

from vaurien.conntest.messages import RunGroup
from vaurien.conntest.plan import Plan
from vaurien.conntest.urls import check_url
from vaurien.console.values import decode, has_more_values
from vaurien.errors import AnswerError, ConfigError, RemoteError, find_reason
from vaurien.web.ask import Answer, ask

#: Seconds that a request may take. The record of a large group is a long response.
TIMEOUT = 60.0
#: The most bytes and values of a response: our own server keeps as many bytes unless it is told otherwise.
MAX_RESPONSE = 256 * 1024 * 1024
MAX_VALUES = 10_000_000
#: Seconds before each new attempt.
PAUSES = (0.0, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5)
#: A new attempt would not help if nobody listens, there is no such host, or its certificate is not trusted.
FINAL = (ConnectionRefusedError, socket.gaierror, ssl.SSLError)
#: Responses that the server may not mean. Others, such as 404, are final.
REPEATED = range(500, 505)

MessageType = TypeVar('MessageType')


class Remote:
    """The server at *url*. Raises `ConfigError` if that is no URL of a server. Its requests raise `RemoteError`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip('/')
        self.base = check_url(self.url)
        if self.base.query or self.base.fragment or self.base.username is not None:
            raise ConfigError(f'{url!r} has more than host, port and path: expected http://host:port')

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

    def _call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        pauses = iter(PAUSES)
        while True:
            pause = next(pauses, None)
            try:
                answer = self._ask(method, path, body)
                if pause is None or answer.status not in REPEATED:
                    return answer
            except OSError as error:
                if pause is None or isinstance(error, FINAL):
                    raise RemoteError(f'cannot reach {self.url}: {find_reason(error)}') from None
            sleep(pause)

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        try:
            return ask(method, self.url + path, seconds=TIMEOUT, most=MAX_RESPONSE, body=body)
        except AnswerError as error:
            raise RemoteError(f'{self.url} is no conntest server: {error}') from None

    def _check(self, answer: Answer) -> bytes:
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return answer.body
        reason = ('text/plain' in answer.type and answer.body[:200].decode(errors='replace')) or answer.reason
        raise RemoteError(f'{self.url} answers {answer.status}: {reason}')

    def _decode(self, answer: Answer, kind: type[MessageType]) -> MessageType:
        body = self._check(answer)
        if has_more_values(body, MAX_VALUES):
            raise RemoteError(f'{self.url} is no conntest server: it sends more than {MAX_VALUES} values')
        try:
            return decode(body, kind)
        except ValueError as error:
            raise RemoteError(f'{self.url} is no conntest server: {error}') from None


def _quote(group_id: str) -> str:
    return quote(group_id, safe='', errors='surrogateescape')  # a command line may have bytes that are not UTF-8
