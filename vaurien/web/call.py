"""A call of a control API: JSON there and back, and an error that says what it rejects."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from vaurien.address import Address
from vaurien.console.values import has_more_values
from vaurien.errors import AddressError, AnswerError, ConfigError, ControlError, UnreachableError, find_reason

if TYPE_CHECKING:
    from vaurien.web.ask import Answer
    from vaurien.web.follow import Sent

#: The variables of the environment that say where the API is, and what its token is; the first one that is set counts.
URL, TOKENS = 'VAURIEN_URL', ('VAURIEN_TOKEN', 'TOXIPROXY_AUTH_TOKEN')
#: The host and the port of the API, unless others are given.
DEFAULT_HOST, DEFAULT_PORT = 'localhost', 8080
#: Seconds of silence after which the API says something to those who follow it: else it would not know that one of
#: them has gone. And the seconds for which it may be silent.
HEARTBEAT, SILENCE = 15.0, 40.0
#: The most bytes and values of an answer: several times what 20,000 proxies or open links take.
MAX_ANSWER = 32 * 1024 * 1024
MAX_VALUES = 1_000_000


def find_url() -> str:
    """Return where the control API is, as the environment says, or by default."""
    return os.environ.get(URL) or f'{DEFAULT_HOST}:{DEFAULT_PORT}'


def find_token() -> str | None:
    """Return the token that the environment has, if there is one."""
    return next(filter(None, map(os.environ.get, TOKENS)), None)


def parse_api(text: str) -> Address:
    """Return the address in ``host``, ``host:port``, ``[v6]`` or ``http://host:port``; raise `AddressError`.

    Without a port it is `DEFAULT_PORT`.
    """
    place = text.removeprefix('http://').rstrip('/')
    if '/' in place:
        raise AddressError(f'{text!r} is not a control API: expected http://HOST:PORT')
    return Address.parse(f'{place}:{DEFAULT_PORT}' if ':' not in place or place.endswith(']') else place)


class Api:
    """The control API at a URL, as it is asked by a client. *timeout* is in seconds and for all of one call."""

    def __init__(self, url: str, *, timeout: float, token: str | None) -> None:
        self.url = url
        self.timeout = timeout
        self._headers = {} if token is None else {'Authorization': f'Bearer {token}'}

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Return the JSON object that the API answers; an empty one for an answer without a body.

        Raise `ControlError` with the text of an error response, `UnreachableError` if nothing answers or it is not a
        control API, and `ConfigError` for a *body* with a number that JSON does not have.
        """
        return self.read(self.ask(method, path, body))

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Do as `call`, but return the answer whatever it is."""
        from vaurien.web.ask import ask  # late, as below: HTTP takes 15 ms, and the help of a command asks nobody

        headers = dict(self._headers)
        try:
            content = None if body is None else json.dumps(body, allow_nan=False).encode()
        except ValueError as error:
            raise ConfigError(f'not JSON: {error}') from None
        if content is not None:
            headers['Content-Type'] = 'application/json'
        with self._reaching(self.timeout):
            return ask(method, self.url + path, seconds=self.timeout, most=MAX_ANSWER, body=content, headers=headers)

    def follow(self, path: str) -> Iterator[Sent]:
        """Yield the events that the API sends, as they come; raise as `call` does."""
        from vaurien.web.ask import Answer
        from vaurien.web.follow import follow

        with self._reaching(SILENCE):
            for sent in follow(self.url + path, seconds=SILENCE, most=MAX_ANSWER, headers=self._headers):
                if isinstance(sent, Answer):
                    self.read(sent)
                    raise self.make_error('it sends no events')
                yield sent

    @contextmanager
    def _reaching(self, timeout: float) -> Iterator[None]:
        """Raise `UnreachableError` in the place of what is raised within the block if no control API answers."""
        try:
            yield
        except TimeoutError:
            raise UnreachableError(f'{self.url} did not answer within {timeout:g} s') from None
        except OSError as error:
            raise UnreachableError(f'cannot reach {self.url}: {find_reason(error)}') from None
        except AnswerError as error:
            raise self.make_error(str(error)) from None

    def read(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object in an *answer*; raise `ControlError` if it is an error."""
        if answer.status == HTTPStatus.NO_CONTENT:
            return {}
        if has_more_values(answer.body, MAX_VALUES):
            raise self.make_error(f'it sends more than {MAX_VALUES} values')
        try:
            value = msgspec.json.decode(answer.body)
            if answer.status < HTTPStatus.BAD_REQUEST and isinstance(value, dict):
                return value
            path, text = _read_error(value)
        except (ValueError, msgspec.DecodeError, KeyError, TypeError, RecursionError):
            raise self.make_error(f'it answers {answer.status}') from None
        raise ControlError(text, answer.status, path)

    def make_error(self, what: str) -> UnreachableError:
        """Return an error for an answer that no control API gives."""
        return UnreachableError(f'{self.url} is not a control API: {what}')


def _read_error(answer: Any) -> tuple[str, str]:
    """Return the field and the text of an error response, in Toxiproxy's form or in Vaurien's."""
    if 'error' in answer:
        return '', str(answer['error'])
    errors = [(str(error['name']), error['description']) for error in answer['errors']]
    text = '; '.join(f'{name}: {text}' if name else text for name, text in errors)
    return errors[0][0] if errors else '', text
