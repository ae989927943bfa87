"""A client of the control API, for tests and scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import msgspec

from vaurien.address import Address
from vaurien.console.values import has_more_values
from vaurien.errors import AddressError, AnswerError, ConfigError, ControlError, UnreachableError, find_reason
from vaurien.plugins.options import did_you_mean
from vaurien.plugins.registry import NAME
from vaurien.records.faults import Fault
from vaurien.records.page import JournalPage
from vaurien.web.ask import Answer, ask
from vaurien.web.segment import quote_name

if TYPE_CHECKING:
    from vaurien.config.schedules import Plan
    from vaurien.rules.behaviors import Spec

#: How long one call may take, in seconds.
TIMEOUT = 5.0
#: The most bytes and values of an answer: several times what 20,000 proxies or open links take.
MAX_ANSWER = 32 * 1024 * 1024
MAX_VALUES = 1_000_000
#: The HTTP status if there is no such proxy, toxic or link.
NOT_FOUND = 404


class Client:
    """A client of the control API that listens on *host* and *port*.

    Most methods are about one proxy: the only one of the process, or the one that the client is bound to, as in
    ``Client().proxy('redis').set_behavior('delay')``. The last few methods are about the process.

    Every call raises `ControlError` with the text of the API if the API rejects it, `UnreachableError` (a
    `ControlError`, too) if nothing answers, and `ConfigError` if the request cannot even be sent. Each call makes a
    connection of its own. So a client may be kept, shared between threads, and used after the process has restarted.
    """

    def __init__(
        self, host: str = 'localhost', port: int = 8080, *, timeout: float = TIMEOUT, token: str | None = None
    ) -> None:
        """*timeout* is in seconds and for one call; *token* is the ``--api-token`` that the server was started with."""
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ConfigError('expected ASCII characters', 'token')
        self.url = f'http://{Address(host, port)}'
        self.timeout = timeout
        #: The name of the proxy that it is bound to; None: it is for the only proxy.
        self.name: str | None = None
        self._token = token

    def proxy(self, name: str) -> Client:
        """Return a client of the same process that is bound to the proxy of that name. It need not exist yet."""
        bound = copy(self)
        bound.name = name
        return bound

    # One proxy: faults

    def get_behavior(self) -> str:
        """Return what is armed: ``dummy``, ``delay``, ``20:error,10:delay``."""
        return cast(str, self._call('GET', f'{self._prefix}/behavior')['behavior'])

    def set_behavior(self, name: Spec, **options: Any) -> None:
        """Arm one behavior, or several by weight.

        ``set_behavior('delay', match='GET *', sleep=2)``; ``set_behavior('20:error,10:delay(match="GET *")')``;
        ``set_behavior([{'name': 'error', 'percent': 20}, {'name': 'delay', 'percent': 10, 'match': 'GET *'}])``. An
        option that is not given has the value that was configured for the proxy, or else its default.
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
        """Arm as `set_behavior` does for the length of a block; then arm again what was armed before."""
        before = self.status()
        proxy = self.proxy(before['name'])
        proxy.set_behavior(name, **options)
        try:
            yield
        finally:
            armed = [
                {**rule['options'], 'name': rule['name'], 'percent': rule['percent']} for rule in before['behaviors']
            ]
            proxy.set_behavior(armed or 'dummy')

    def toxics(self) -> list[dict[str, Any]]:
        """Return its toxics, those of the upstream first: type, name, stream, toxicity and attributes of each."""
        return cast('list[dict[str, Any]]', self.inspect()['toxics'])

    def add_toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: Any,
    ) -> dict[str, Any]:
        """Add a toxic to a stream, behind the others: ``add_toxic('latency', latency=200)``. Return it as it is now.

        *stream* is ``upstream``, ``downstream`` or ``both``. *toxicity* is the probability that a link gets it, if it
        is one of that *client*: an address or a network. Without a *name* it is called ``latency_downstream``.
        """
        checked = _check_attributes(type_, attributes)
        body = {'type': type_, 'name': name, 'stream': stream, 'toxicity': toxicity, 'attributes': checked}
        if client is not None:
            body['client'] = client
        return self._call('POST', f'{self._path}/toxics', body)

    def update_toxic(self, name: str, *, toxicity: float | None = None, **attributes: Any) -> dict[str, Any]:
        """Change the toxicity or the attributes of a toxic, on open links, too. Return it as it is now."""
        path = f'{self._path}/toxics/{quote_name(name)}'
        checked = _check_attributes(self._call('GET', path)['type'], attributes)
        return self._call('PATCH', path, {'toxicity': toxicity, 'attributes': checked})

    def remove_toxic(self, name: str) -> None:
        """Remove the toxic of that name. The bytes that wait in it go on."""
        self._call('DELETE', f'{self._path}/toxics/{quote_name(name)}')

    @contextmanager
    def toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: Any,
    ) -> Iterator[None]:
        """Add a toxic as `add_toxic` does for the length of a block; then remove it if it is still there."""
        proxy = self.proxy(self._find_name())
        added = proxy.add_toxic(type_, stream=stream, toxicity=toxicity, name=name, client=client, **attributes)
        try:
            yield
        finally:
            try:
                proxy.remove_toxic(added['name'])
            except ControlError as error:
                if error.status != NOT_FOUND:
                    raise

    # One proxy: its state

    def status(self) -> dict[str, Any]:
        """Return everything about the proxy: settings, what is armed, links, exchanges, bytes, faults."""
        return self._call('GET', f'{self._prefix}/status')

    def inspect(self) -> dict[str, Any]:
        """Return the proxy as Toxiproxy's API shows it: name, listen, upstream, enabled, toxics, maybe protocol."""
        return self._call('GET', self._path)

    def faults(self) -> list[Fault]:
        """Return the last faults, the oldest first."""
        return msgspec.convert(self._call('GET', f'{self._prefix}/faults')['faults'], list[Fault])

    def clear_faults(self) -> None:
        """Make the proxy forget the faults until now."""
        self._call('DELETE', f'{self._prefix}/faults')

    def journal(self, since: int | None = None, limit: int | None = None) -> JournalPage:
        """Return the last exchanges, or the first after the one of number *since*, up to *limit*.

        They are those of the proxy that the client is bound to, or of all. The process has to keep a journal.
        """
        given = {'since': since, 'limit': limit}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        return msgspec.convert(self._call('GET', f'{self._prefix}/journal?{query}'), JournalPage)

    def links(self) -> list[dict[str, Any]]:
        """Return the open links: id, client, backend, age in seconds, bytes, exchanges, behavior and toxics of each."""
        return cast('list[dict[str, Any]]', self._call('GET', f'{self._prefix}/links')['links'])

    def cut_link(self, number: int) -> None:
        """Close both connections of the link with that id."""
        self._call('DELETE', f'{self._prefix}/links/{number:d}')

    # One proxy: where it serves, and whether

    def get_backend(self) -> str:
        """Return the address of the backend, ``host:port``."""
        return cast(str, self._call('GET', f'{self._prefix}/backend')['backend'])

    def set_backend(self, backend: str) -> None:
        """Change the backend to another ``host:port``."""
        self._call('PUT', f'{self._prefix}/backend', {'backend': backend})

    def enable(self) -> None:
        """Make the proxy listen again, on the same port."""
        self._call('PATCH', self._path, {'enabled': True})

    def disable(self) -> None:
        """Make the proxy close its links and its listening socket. It keeps its toxics and what is armed."""
        self._call('PATCH', self._path, {'enabled': False})

    @contextmanager
    def down(self) -> Iterator[Client]:
        """Disable the proxy for the length of a block."""
        self.disable()
        try:
            yield self
        finally:
            self.enable()

    def delete(self) -> None:
        """Stop the proxy and forget it."""
        self._call('DELETE', self._path)

    # The process

    def list_behaviors(self) -> list[str]:
        """Return the names of all behaviors that can be armed."""
        return cast('list[str]', self._call('GET', '/behaviors')['behaviors'])

    def proxies(self) -> dict[str, dict[str, Any]]:
        """Return all proxies by name, each as `inspect` returns it."""
        return self._call('GET', '/proxies')

    def create_proxy(
        self,
        name: str,
        listen: str,
        upstream: str,
        protocol: str = 'tcp',
        enabled: bool = True,
        *,
        addressed: bool | None = None,
        **tls: str | bool,
    ) -> Client:
        """Create a proxy that listens on *listen* in front of *upstream*, each ``host:port``; return a client of it.

        Port 0 takes a free port: ``client.inspect()['listen']`` says which. A proxy that is not *enabled* does not
        listen yet. If it is *addressed*, requests may ask for faults themselves. *tls* are its settings of TLS:
        ``tls='auto', backend_tls_ca=Path('ca.pem').read_text()``. Certificates and keys are text in PEM, because the
        process reads no file for a request.
        """
        quote_name(name)  # raises now, before there is a proxy that no path leads to
        if tls:
            _check_tls(tls)
        try:
            Address.parse(upstream)
        except AddressError as error:  # the API, like Toxiproxy, would only fail when a client connects
            raise error.within('upstream') from None
        body = {'name': name, 'listen': listen, 'upstream': upstream, 'protocol': protocol, 'enabled': enabled, **tls}
        if addressed is not None:
            body['addressed'] = addressed
        self._call('POST', '/proxies', body)
        return self.proxy(name)

    def ca_pem(self) -> str:
        """Return the certificate of the authority that signs for proxies with ``tls='auto'``, as PEM."""
        answer = _ask(self.url, 'GET', '/tls/ca.pem', None, timeout=self.timeout, token=self._token)
        if answer.status == HTTPStatus.OK:
            return answer.body.decode('ascii', 'backslashreplace')
        _read_answer(self.url, answer)
        raise UnreachableError(f'{self.url} is not a control API: it answers {answer.status}')

    def reset(self) -> None:
        """Reset every proxy: remove its toxics, arm the rules of its configuration, and enable it."""
        self._call('POST', '/reset')

    # The schedule of the process

    def set_schedule(self, schedule: Plan) -> None:
        """Run a schedule from now on: that in a file, by its path, or a mapping as it would be there, or its steps.

        One that still runs is stopped first, and puts back what it has changed.
        """
        from vaurien.config.schedules import read_plan  # late: it looks for installed plug-ins

        self._call('PUT', '/schedule', read_plan(schedule))

    def get_schedule(self) -> dict[str, Any]:
        """Return how far the schedule has come: status, seconds, active steps, next change, marks, counts."""
        return self._call('GET', '/schedule')

    def stop_schedule(self) -> None:
        """Stop the schedule, and return when it has put back what it has changed. Without a schedule do nothing."""
        self._call('DELETE', '/schedule')

    def mark(self, name: str) -> None:
        """Set a mark: the steps of the schedule that are after it begin."""
        self._call('POST', '/schedule/mark', {'name': name})

    @contextmanager
    def schedule(self, schedule: Plan) -> Iterator[None]:
        """Run a schedule as `set_schedule` does, for the length of a block at most; then stop it."""
        self.set_schedule(schedule)
        try:
            yield
        finally:
            self.stop_schedule()

    # Requests

    @property
    def _prefix(self) -> str:
        """The beginning of paths about the proxy; without a name, they are about the only proxy."""
        return '' if self.name is None else self._path

    @property
    def _path(self) -> str:
        """The path of the proxy itself. There is none without a name."""
        return f'/proxies/{quote_name(self._find_name())}'

    def _find_name(self) -> str:
        return cast(str, self.status()['name']) if self.name is None else self.name

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return send(self.url, method, path, body, timeout=self.timeout, token=self._token)


def _check_attributes(type_: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes checked; raise `OptionError` for a wrong one. The API, like Toxiproxy, would ignore it.

    Toxics that are not installed here are left to the process.
    """
    from vaurien.toxics import Toxic  # late: it looks for installed plug-ins

    if type_ not in Toxic.names():
        return attributes
    return cast('dict[str, Any]', msgspec.to_builtins(Toxic.get(type_).check(attributes), enc_hook=str))


def _check_tls(tls: Mapping[str, str | bool]) -> None:
    """Raise `ConfigError` for a setting of TLS that there is not. The API, like Toxiproxy, would ignore it."""
    from vaurien.settings import TLSSettings  # late: with it come all behaviors and protocols

    for field in tls.keys() - set(TLSSettings.__struct_fields__):
        raise ConfigError(
            f'there is no such setting, {did_you_mean(field, list(TLSSettings.__struct_fields__))}', field
        )


def send(
    url: str, method: str, path: str, body: Mapping[str, Any] | None, *, timeout: float, token: str | None
) -> dict[str, Any]:
    """Return the JSON object that the API at *url* answers; an empty one for an answer without a body.

    *timeout* is in seconds and for all of it. Raise `ControlError` with the text of an error response,
    `UnreachableError` if nothing answers or it is not a control API, and `ConfigError` for a *body* with a number that
    JSON does not have.
    """
    return _read_answer(url, _ask(url, method, path, body, timeout=timeout, token=token))


def _ask(
    url: str, method: str, path: str, body: Mapping[str, Any] | None, *, timeout: float, token: str | None
) -> Answer:
    headers = {} if token is None else {'Authorization': f'Bearer {token}'}
    try:
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
    except ValueError as error:
        raise ConfigError(f'not JSON: {error}') from None
    if content is not None:
        headers['Content-Type'] = 'application/json'
    try:
        return ask(method, url + path, seconds=timeout, most=MAX_ANSWER, body=content, headers=headers)
    except TimeoutError:
        raise UnreachableError(f'{url} did not answer within {timeout:g} s') from None
    except OSError as error:
        raise UnreachableError(f'cannot reach {url}: {find_reason(error)}') from None
    except AnswerError as error:
        raise UnreachableError(f'{url} is not a control API: {error}') from None


def _read_answer(url: str, answer: Answer) -> dict[str, Any]:
    if answer.status == HTTPStatus.NO_CONTENT:
        return {}
    if has_more_values(answer.body, MAX_VALUES):
        raise UnreachableError(f'{url} is not a control API: it sends more than {MAX_VALUES} values')
    try:
        value = msgspec.json.decode(answer.body)
        if answer.status < HTTPStatus.BAD_REQUEST and isinstance(value, dict):
            return value
        text = _read_error(value)
    except (ValueError, msgspec.DecodeError, KeyError, TypeError, RecursionError):
        raise UnreachableError(f'{url} is not a control API: it answers {answer.status}') from None
    raise ControlError(text, answer.status)


def _read_error(answer: Any) -> str:
    """Return the text of an error response in Toxiproxy's form, or in Vaurien's."""
    if 'error' in answer:
        return str(answer['error'])
    errors = [(error['name'], error['description']) for error in answer['errors']]
    return '; '.join(f'{name}: {text}' if name else text for name, text in errors)
