"""The requests of a client beside the runs: to create a group, to fetch its record, to delete it.

They are no part of the measurement, so they are repeated if they fail, each time with a line on the standard error.
Behind a proxy that makes one request in ten fail, the runs show that, and their record still arrives.
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
from vaurien.console.output import warn
from vaurien.console.values import decode, has_more_values
from vaurien.errors import AnswerError, ConfigError, RemoteError, find_reason
from vaurien.web.ask import Answer, ask

#: Seconds that a request may take. The record of a large group is a long response; to create one takes no longer than
#: a run, and `Remote` is told how long that may be.
TIMEOUT = 60.0
#: The most bytes and values of a response: our own server keeps as many bytes unless it is told otherwise.
MAX_RESPONSE = 256 * 1024 * 1024
MAX_VALUES = 10_000_000
#: Seconds before each new attempt: there are eight after the first one.
PAUSES = (0.0, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5)
#: New attempts after one that took too long: a server that is silent twice will be silent again.
MAX_TIMEOUTS = 1
#: Seconds that a request may take once somebody has pressed Ctrl-C, and waits.
HURRY = 3.0
#: A new attempt would not help if nobody listens, there is no such host, or its certificate is not trusted.
FINAL = (ConnectionRefusedError, socket.gaierror, ssl.SSLError)
#: Responses that the server may not mean. Others, such as 404, are final.
REPEATED = range(500, 505)

MessageType = TypeVar('MessageType')


class Remote:
    """The server at *url*. Raises `ConfigError` if that is no URL of a server. Its requests raise `RemoteError`."""

    def __init__(self, url: str, create_timeout: float = TIMEOUT) -> None:
        self.url = url.rstrip('/')
        #: Seconds that a request may take, except one that creates a group.
        self.timeout = TIMEOUT
        self._create_timeout = create_timeout
        self.base = check_url(self.url)
        if self.base.query or self.base.fragment or self.base.username is not None:
            raise ConfigError(f'{url!r} has more than host, port and path: expected http://host:port')

    def create(self, plan: Plan) -> RunGroup:
        """Create a group."""
        answer = self._call('POST', '/test-groups/create', msgspec.json.encode(plan), seconds=self._create_timeout)
        return self._decode(answer, RunGroup)

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

    def _call(self, method: str, path: str, body: bytes | None = None, seconds: float | None = None) -> Answer:
        seconds = self.timeout if seconds is None else seconds
        timeouts = 0
        for number, pause in enumerate((*PAUSES, None), 2):
            try:
                answer = self._ask(method, path, body, seconds)
                if pause is None or answer.status not in REPEATED:
                    break
                failure = self._describe(answer)
            except OSError as error:
                failure = f'cannot reach {self.url}: {_find_reason(error, seconds)}'
                timeouts += isinstance(error, TimeoutError)
                if pause is None or isinstance(error, FINAL) or timeouts > MAX_TIMEOUTS:
                    raise RemoteError(failure) from None
            warn('conntest', f'{failure}; attempt {number} follows')
            sleep(pause)
        return answer

    def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> Answer:
        try:
            return ask(method, self.url + path, seconds=seconds, most=MAX_RESPONSE, body=body)
        except AnswerError as error:
            raise RemoteError(f'{self.url} is no conntest server: {error}') from None

    def _check(self, answer: Answer) -> bytes:
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return answer.body
        raise RemoteError(self._describe(answer))

    def _describe(self, answer: Answer) -> str:
        reason = ('text/plain' in answer.type and answer.body[:200].decode(errors='replace').strip()) or answer.reason
        return f'{self.url} answers {answer.status}: {reason}'

    def _decode(self, answer: Answer, kind: type[MessageType]) -> MessageType:
        body = self._check(answer)
        if has_more_values(body, MAX_VALUES):
            raise RemoteError(f'{self.url} is no conntest server: it sends more than {MAX_VALUES} values')
        try:
            return decode(body, kind)
        except ValueError as error:
            raise RemoteError(f'{self.url} is no conntest server: {error}') from None


def _find_reason(error: OSError, seconds: float) -> str:
    is_ours = isinstance(error, TimeoutError) and error.errno is None
    return f'no answer within {seconds:g} s' if is_ours else find_reason(error)


def _quote(group_id: str) -> str:
    return quote(group_id, safe='', errors='surrogateescape')  # a command line may have bytes that are not UTF-8
