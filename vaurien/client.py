"""A client of the control API, for tests and scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import msgspec

from vaurien.address import Address
from vaurien.errors import AddressError, ConfigError, ControlError, UnreachableError, find_reason
from vaurien.plugins.registry import NAME
from vaurien.records.faults import Fault

if TYPE_CHECKING:
    from vaurien.rules.behaviors import Spec

#: Seconds that one call waits to connect, and then for the answer.
TIMEOUT = 5.0
#: The HTTP status of a refusal: there is no such proxy, toxic or link.
NOT_FOUND = 404


class Client:
    """Controls the proxies of the process whose control API listens on *host* and *port*.

    What is done to one proxy is done to the only one, or to the one that the client was bound to:
    ``Client().proxy('redis').set_behavior('delay')``. The last few methods are about the process.

    Every call raises `ControlError` with the API's own words if it is refused, `UnreachableError` (a `ControlError`
    too) if nothing answers, `ConfigError` if what is asked for cannot even be sent. Each makes a connection of its own,
    so that a client may be kept, shared between threads, and survive the process that it was made for.
    """

    def __init__(
        self, host: str = 'localhost', port: int = 8080, *, timeout: float = TIMEOUT, token: str | None = None
    ) -> None:
        """*timeout*: seconds that one call waits; *token*: what ``--api-token`` wants to hear."""
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ConfigError('expected ASCII characters', 'token')
        self.url = f'http://{Address(host, port)}'
        self.timeout = timeout
        #: The proxy that it is bound to; None: the only one.
        self.name: str | None = None
        self._token = token

    def proxy(self, name: str) -> Client:
        """A client of the same process, bound to the proxy of that name, whether or not there is one yet."""
        bound = copy(self)
        bound.name = name
        return bound

    # One proxy: what its links meet

    def get_behavior(self) -> str:
        """What is armed: ``dummy``, ``delay``, ``20:error,10:delay``."""
        return cast(str, self._call('GET', f'{self._prefix}/behavior')['behavior'])

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
        self._call('PUT', f'{self._prefix}/behavior', body)

    @contextmanager
    def with_behavior(self, name: Spec, **options: Any) -> Iterator[None]:
        """Arm as `set_behavior` does, and in the end, whatever happens, what was armed before, options included."""
        before = self.status()
        proxy = self.proxy(before['name'])
        proxy.set_behavior(name, **options)
        try:
            yield
        finally:
            armed = [
                {**entry['options'], 'name': entry['name'], 'percent': entry['percent']}
                for entry in before['behaviors']
            ]
            proxy.set_behavior(armed or 'dummy')

    def toxics(self) -> list[dict[str, Any]]:
        """What is on its streams, those of the upstream first: type, name, stream, toxicity and attributes of each."""
        return cast('list[dict[str, Any]]', self.inspect()['toxics'])

    def add_toxic(
        self, type_: str, *, stream: str = 'downstream', toxicity: float = 1.0, name: str = '', **attributes: Any
    ) -> dict[str, Any]:
        """Put a toxic on a stream, behind those that there are: ``add_toxic('latency', latency=200)``.

        *toxicity*: the probability that a link gets it; *name*: ``latency_downstream`` if none is given. Returns the
        toxic with all of its attributes.
        """
        checked = _check_attributes(type_, attributes)
        body = {'type': type_, 'name': name, 'stream': stream, 'toxicity': toxicity, 'attributes': checked}
        return self._call('POST', f'{self._path}/toxics', body)

    def update_toxic(self, name: str, *, toxicity: float | None = None, **attributes: Any) -> dict[str, Any]:
        """Change what is given of the toxic of that name, on live links too; returns it with all of its attributes."""
        path = f'{self._path}/toxics/{_quote(name)}'
        checked = _check_attributes(self._call('GET', path)['type'], attributes)
        return self._call('PATCH', path, {'toxicity': toxicity, 'attributes': checked})

    def remove_toxic(self, name: str) -> None:
        """Take the toxic of that name away: what waits in it goes on."""
        self._call('DELETE', f'{self._path}/toxics/{_quote(name)}')

    @contextmanager
    def toxic(
        self, type_: str, *, stream: str = 'downstream', toxicity: float = 1.0, name: str = '', **attributes: Any
    ) -> Iterator[None]:
        """Add as `add_toxic` does, and in the end, whatever happens, remove it, if it is still there."""
        proxy = self.proxy(self._find_name())
        added = proxy.add_toxic(type_, stream=stream, toxicity=toxicity, name=name, **attributes)
        try:
            yield
        finally:
            try:
                proxy.remove_toxic(added['name'])
            except ControlError as error:
                if error.status != NOT_FOUND:
                    raise

    # One proxy: what there is to know

    def status(self) -> dict[str, Any]:
        """Everything about it: settings, what is armed, links, exchanges, bytes, faults."""
        return self._call('GET', f'{self._prefix}/status')

    def inspect(self) -> dict[str, Any]:
        """What Toxiproxy's API tells of it: name, listen, upstream, enabled, toxics; protocol, where it is not tcp."""
        return self._call('GET', self._path)

    def faults(self) -> list[Fault]:
        """The last faults, the oldest first."""
        return msgspec.convert(self._call('GET', f'{self._prefix}/faults')['faults'], list[Fault])

    def clear_faults(self) -> None:
        """Have it forget the faults that were until now."""
        self._call('DELETE', f'{self._prefix}/faults')

    def links(self) -> list[dict[str, Any]]:
        """Those that are open: id, client, backend, age in seconds, bytes, exchanges, and what is done to each."""
        return cast('list[dict[str, Any]]', self._call('GET', f'{self._prefix}/links')['links'])

    def cut_link(self, number: int) -> None:
        """Close both connections of the link with that id."""
        self._call('DELETE', f'{self._prefix}/links/{number:d}')

    # One proxy: whether and where it serves

    def get_backend(self) -> str:
        """The ``host:port`` behind it."""
        return cast(str, self._call('GET', f'{self._prefix}/backend')['backend'])

    def set_backend(self, backend: str) -> None:
        """Put another backend, ``host:port``, behind it."""
        self._call('PUT', f'{self._prefix}/backend', {'backend': backend})

    def enable(self) -> None:
        """Have it listen again, on the same port."""
        self._call('PATCH', self._path, {'enabled': True})

    def disable(self) -> None:
        """Have it close its links and its listening socket; toxics and what is armed stay."""
        self._call('PATCH', self._path, {'enabled': False})

    def delete(self) -> None:
        """Stop and forget it."""
        self._call('DELETE', self._path)

    # The process

    def list_behaviors(self) -> list[str]:
        """The names of all behaviors there are."""
        return cast('list[str]', self._call('GET', '/behaviors')['behaviors'])

    def proxies(self) -> dict[str, dict[str, Any]]:
        """All proxies by name, each as `inspect` gives it."""
        return self._call('GET', '/proxies')

    def create_proxy(
        self, name: str, listen: str, upstream: str, protocol: str = 'tcp', enabled: bool = True
    ) -> Client:
        """Start one more that listens on *listen* in front of *upstream*, each ``host:port``; a client bound to it.

        Port 0 takes a free one: ``client.inspect()['listen']`` tells which. Not *enabled*: it does not listen yet.
        """
        _quote(name)  # refused now, rather than when there is a proxy that cannot be asked for
        try:
            Address.parse(upstream)
        except AddressError as error:  # which the API, like Toxiproxy, would only find when somebody connects
            raise error.within('upstream') from None
        body = {'name': name, 'listen': listen, 'upstream': upstream, 'protocol': protocol, 'enabled': enabled}
        self._call('POST', '/proxies', body)
        return self.proxy(name)

    def reset(self) -> None:
        """All well again, for every proxy: no toxics, what was configured armed, and enabled."""
        self._call('POST', '/reset')

    # How

    @property
    def _prefix(self) -> str:
        """Of the paths for one proxy: without a name, they are about the only one."""
        return '' if self.name is None else self._path

    @property
    def _path(self) -> str:
        """Of the proxy itself, for which there is no way without a name."""
        return f'/proxies/{_quote(self._find_name())}'

    def _find_name(self) -> str:
        return cast(str, self.status()['name']) if self.name is None else self.name

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return send(self.url, method, path, body, timeout=self.timeout, token=self._token)


def _quote(name: str) -> str:
    """A name as one segment of a path; raises `ConfigError` for what cannot be one."""
    if name in ('', '.', '..') or '/' in name:
        raise ConfigError(f'{name!r} cannot be asked for: it does not fit into a URL', 'name')
    return quote(name, safe='', errors='surrogateescape')


def _check_attributes(type_: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Refuse a wrong one, which the API would ignore, like Toxiproxy; raises `OptionError`.

    Plug-ins of the process that are not installed here are left to it.
    """
    from vaurien.toxics import Toxic  # late: it looks for what is installed

    return Toxic.get(type_).check(attributes) if type_ in Toxic.names() else attributes


def send(
    url: str, method: str, path: str, body: Mapping[str, Any] | None, *, timeout: float, token: str | None
) -> dict[str, Any]:
    """The JSON object that the API at *url* answers, without any field where it answers nothing.

    Raises `ControlError` with its own words if it refuses, `UnreachableError` if nothing answers, or no control API,
    `ConfigError` for a *body* with a number that JSON does not have.
    *timeout*: seconds to connect, and then to wait for the answer.
    """
    import requests  # late: whoever only starts proxies does without

    headers = {} if token is None else {'Authorization': f'Bearer {token}'}
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy for the web is none for this
            response = session.request(
                method, url + path, json=body, headers=headers, timeout=timeout, allow_redirects=False
            )
    except requests.exceptions.InvalidJSONError as error:
        raise ConfigError(f'no JSON: {error}') from None
    except requests.Timeout:
        raise UnreachableError(f'{url} did not answer within {timeout:g} s') from None
    except requests.RequestException as error:
        raise UnreachableError(f'cannot reach {url}: {find_reason(error)}') from None
    if response.status_code == requests.codes.no_content:
        return {}
    try:
        answer = response.json()
        if response.ok and isinstance(answer, dict):
            return cast('dict[str, Any]', answer)
        refusal = _read_refusal(answer)
    except (ValueError, KeyError, TypeError):
        raise UnreachableError(f'{url} is no control API: it answers {response.status_code}') from None
    raise ControlError(refusal, response.status_code)


def _read_refusal(answer: Any) -> str:
    """The text of an error in the form of Toxiproxy, or in our own."""
    if 'error' in answer:
        return str(answer['error'])
    errors = [(error['name'], error['description']) for error in answer['errors']]
    return '; '.join(f'{name}: {text}' if name else text for name, text in errors)
