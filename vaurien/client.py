"""A client of the control API, for tests and scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import msgspec

from vaurien.address import Address
from vaurien.errors import ControlError, UnreachableError
from vaurien.faults import Fault
from vaurien.reason import find_reason
from vaurien.registry import NAME

if TYPE_CHECKING:
    from vaurien.arming import Spec

#: Seconds that one call waits to connect, and then for the answer.
TIMEOUT = 5.0


class Client:
    """Controls the proxy whose control API listens on *host* and *port*.

    Every call raises `ControlError` with the API's own words if it is refused, `UnreachableError` (a `ControlError`
    too) if nothing answers. Each makes a connection of its own, so that a client may be kept, shared between threads,
    and survive the proxy that it was made for.
    """

    def __init__(self, host: str = 'localhost', port: int = 8080, *, timeout: float = TIMEOUT) -> None:
        self.url = f'http://{Address(host, port)}'
        self.timeout = timeout

    def get_behavior(self) -> str:
        """What is armed: ``dummy``, ``delay``, ``20:error,10:delay``."""
        return cast(str, self._call('GET', '/behavior')['behavior'])

    def set_behavior(self, name: Spec, **options: Any) -> None:
        """Arm one behavior, or several by weight.

        ``set_behavior('delay', match='GET *', sleep=2)``; ``set_behavior('20:error,10:delay(match="GET *")')``;
        ``set_behavior([{'name': 'error', 'percent': 20}, {'name': 'delay', 'percent': 10, 'match': 'GET *'}])``. An
        option that is not given takes the value that the proxy was configured with, else its default.
        """
        if not isinstance(name, str):
            body: dict[str, Any] = {'behaviors': list(name)}
        elif NAME.fullmatch(name):
            body = {**options, 'name': name}
        else:
            body = {'behavior': name, 'options': options}
        self._call('PUT', '/behavior', body)

    def list_behaviors(self) -> list[str]:
        """The names of all behaviors there are."""
        return cast('list[str]', self._call('GET', '/behaviors')['behaviors'])

    def get_backend(self) -> str:
        """The ``host:port`` behind the proxy."""
        return cast(str, self._call('GET', '/backend')['backend'])

    def set_backend(self, backend: str) -> None:
        """Put another backend, ``host:port``, behind the proxy."""
        self._call('PUT', '/backend', {'backend': backend})

    def status(self) -> dict[str, Any]:
        """Everything about the running proxy: settings, what is armed, links, exchanges, bytes, faults."""
        return self._call('GET', '/status')

    def faults(self) -> list[Fault]:
        """The last faults, the oldest first."""
        return msgspec.convert(self._call('GET', '/faults')['faults'], list[Fault])

    def clear_faults(self) -> None:
        """Have the proxy forget the faults that were until now."""
        self._call('DELETE', '/faults')

    @contextmanager
    def with_behavior(self, name: Spec, **options: Any) -> Iterator[None]:
        """Arm as `set_behavior` does, and in the end, whatever happens, what was armed before, options included."""
        before = self.status()['behaviors']
        self.set_behavior(name, **options)
        try:
            yield
        finally:
            armed = [{**entry['options'], 'name': entry['name'], 'percent': entry['percent']} for entry in before]
            self.set_behavior(armed or 'dummy')

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        import requests  # late: whoever only starts proxies does without

        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy for the web is none for this
                response = session.request(
                    method, self.url + path, json=body, timeout=self.timeout, allow_redirects=False
                )
        except requests.Timeout:
            raise UnreachableError(f'{self.url} did not answer within {self.timeout:g} s') from None
        except requests.RequestException as error:
            raise UnreachableError(f'cannot reach {self.url}: {find_reason(error)}') from None
        try:
            answer = response.json()
            if response.ok:
                return cast('dict[str, Any]', answer)
            errors = [(error['name'], error['description']) for error in answer['errors']]
        except (ValueError, KeyError, TypeError):
            raise UnreachableError(f'{self.url} is no control API: it answers {response.status_code}') from None
        raise ControlError('; '.join(f'{name}: {text}' if name else text for name, text in errors))
