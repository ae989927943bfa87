"""A client of the control API, for tests and scripts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlencode

import msgspec

from vaurien.address import Address
from vaurien.errors import AddressError, ConfigError, ControlError
from vaurien.interface import ProxyControl
from vaurien.plugins.options import did_you_mean
from vaurien.plugins.registry import NAME
from vaurien.records.entry import Entry
from vaurien.records.faults import Fault
from vaurien.records.page import JournalPage
from vaurien.records.status import HeldStatus, LinkStatus, ProxyStatus, RuleStatus, ScheduleStatus, ToxicStatus
from vaurien.rules.blocks import Blocks
from vaurien.rules.report import report_rules
from vaurien.web.call import DEFAULT_HOST, DEFAULT_PORT, URL, Api, find_token, find_url, parse_api
from vaurien.web.segment import quote_name

if TYPE_CHECKING:
    from vaurien.config.schedules import Plan
    from vaurien.rules.behaviors import Spec
    from vaurien.toxiproxy.answers import ProxyAnswer

#: How long one call may take, in seconds.
TIMEOUT = 5.0
#: The HTTP status if there is no such proxy, toxic or link.
NOT_FOUND = 404


class Event(NamedTuple):
    """Something that has happened: its name, such as ``exchange``, and what is known of it."""

    name: str
    data: dict[str, Any]


class Client(ProxyControl):
    """A client of the control API that listens on *host* and *port*.

    Most methods are about one proxy: the only one of the process, or the one that the client is bound to, as in
    ``Client().proxy('redis').set_behavior('delay')``. The last few methods are about the process.

    Every call raises `ControlError` with the text of the API if the API rejects it, `UnreachableError` (a
    `ControlError`, too) if nothing answers, and `ConfigError` if the request cannot even be sent. Each call makes a
    connection of its own. So a client may be kept, shared between threads, and used after the process has restarted.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        timeout: float = TIMEOUT,
        token: str | None = None,
    ) -> None:
        """*timeout* is in seconds and for one call; *token* is the ``--api-token`` that the server was started with.

        Without *host* and *port*, the variable ``VAURIEN_URL`` of the environment says where the API is, or else it is
        on ``localhost:8080``. Without *token*, ``VAURIEN_TOKEN`` is the token, or else ``TOXIPROXY_AUTH_TOKEN``. Raise
        `ConfigError` for what cannot be one of these.
        """
        if host is None and port is None:
            try:
                address = parse_api(find_url())
            except AddressError as error:
                raise error.within(URL) from None
        else:
            address = Address(DEFAULT_HOST if host is None else host, DEFAULT_PORT if port is None else port)
        if token is None:
            token = find_token()
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ConfigError('expected ASCII characters', 'token')
        self._address = address
        self._api = Api(f'http://{address}', timeout=timeout, token=token)
        #: The name of the proxy that it is bound to; None: it is for the only proxy.
        self.name: str | None = None
        #: The blocks that have armed something, by proxy. Clients that are bound to one share them.
        self._blocks: defaultdict[str, Blocks[list[_Found]]] = defaultdict(Blocks)

    def __repr__(self) -> str:
        bound = '' if self.name is None else f' proxy {self.name!r}'
        return f'<{type(self).__name__} {self.url}{bound}>'

    @property
    def url(self) -> str:
        """The URL of the control API."""
        return self._api.url

    @property
    def host(self) -> str:
        """The host of the control API."""
        return self._address.host

    @property
    def port(self) -> int:
        """The port of the control API."""
        return self._address.port

    @property
    def timeout(self) -> float:
        """How long one call may take, in seconds."""
        return self._api.timeout

    def proxy(self, name: str) -> Client:
        """Return a client of the same process that is bound to the proxy of that name. It need not exist yet."""
        bound = copy(self)
        bound.name = name
        return bound

    # One proxy: faults

    def get_behavior(self) -> str:
        return cast(str, self._call('GET', f'{self._prefix}/behavior')['behavior'])

    def set_behavior(self, behavior: Spec, **options: object) -> None:
        if not isinstance(behavior, str):
            body: dict[str, object] = {'behaviors': list(behavior)}
        elif NAME.fullmatch(behavior):
            body = {**options, 'name': behavior}
        else:
            body = {'behavior': behavior, 'options': options}
        self._call('PUT', f'{self._prefix}/behavior', body)

    @contextmanager
    def with_behavior(self, behavior: Spec, **options: object) -> Iterator[Client]:
        name = self.status()['name'] if self.name is None else self.name
        proxy = self.proxy(name)
        with self._blocks[name].within(
            lambda: list(map(_find, proxy.status()['behaviors'])),
            lambda: proxy.set_behavior(behavior, **options),
            lambda before: proxy.set_behavior(_declare(before)),
        ):
            yield self

    def toxics(self) -> list[ToxicStatus]:
        return self.inspect()['toxics']

    def add_toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: object,
    ) -> ToxicStatus:
        checked = _check_attributes(type_, attributes)
        body = {'type': type_, 'name': name, 'stream': stream, 'toxicity': toxicity, 'attributes': checked}
        if client is not None:
            body['client'] = client
        return cast(ToxicStatus, self._call('POST', f'{self._path}/toxics', body))

    def update_toxic(self, name: str, *, toxicity: float | None = None, **attributes: object) -> ToxicStatus:
        path = f'{self._path}/toxics/{quote_name(name)}'
        checked = _check_attributes(self._call('GET', path)['type'], attributes)
        return cast(ToxicStatus, self._call('PATCH', path, {'toxicity': toxicity, 'attributes': checked}))

    def remove_toxic(self, name: str) -> None:
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
        **attributes: object,
    ) -> Iterator[Client]:
        proxy = self.proxy(self._find_name())
        added = proxy.add_toxic(type_, stream=stream, toxicity=toxicity, name=name, client=client, **attributes)
        try:
            yield self
        finally:
            try:
                proxy.remove_toxic(added['name'])
            except ControlError as error:
                if error.status != NOT_FOUND:
                    raise

    # One proxy: its state

    def status(self) -> ProxyStatus:
        return cast(ProxyStatus, self._call('GET', f'{self._prefix}/status'))

    def describe_rules(self) -> list[str]:
        return report_rules(self.status()['behaviors'])

    def inspect(self) -> ProxyAnswer:
        """Return the proxy as Toxiproxy's API shows it: name, listen, upstream, enabled, toxics, maybe protocol."""
        return cast('ProxyAnswer', self._call('GET', self._path))

    def faults(self) -> list[Fault]:
        return msgspec.convert(self._call('GET', f'{self._prefix}/faults')['faults'], list[Fault])

    def clear_faults(self) -> None:
        self._call('DELETE', f'{self._prefix}/faults')

    def take_fault(self) -> Fault | None:
        return msgspec.convert(self._call('POST', f'{self._prefix}/faults/take')['fault'], Fault | None)

    def held(self) -> list[HeldStatus]:
        return cast('list[HeldStatus]', self._call('GET', f'{self._prefix}/held')['held'])

    def decide(self, number: int, decision: str, **options: object) -> None:
        self._call('POST', f'{self._prefix}/held/{number:d}', {**options, 'decision': decision})

    def journal(self, limit: int | None = None) -> list[Entry]:
        """Return the last exchanges, up to *limit*: those of the proxy that the client is bound to, or of all.

        The process has to keep a journal.
        """
        return self.journal_page(limit=limit).entries

    def journal_page(self, since: int | None = None, limit: int | None = None) -> JournalPage:
        """Return the last exchanges, or the first after the one of number *since*; and what to ask for next."""
        given = {'since': since, 'limit': limit}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        return msgspec.convert(self._call('GET', f'{self._prefix}/journal?{query}'), JournalPage)

    def events(self, match: str | None = None) -> Generator[Event, None, None]:
        """Yield what happens from now on: a snapshot, then counts each second, exchanges, faults and changes.

        They are those of the proxy that the client is bound to, or of all. *match* is a pattern: of exchanges and
        faults, only those whose request matches come. The iterator ends with the process, or if it was not read for
        too long. Close it, or leave it to the garbage collector, to end the connection.
        """
        query = '' if match is None else f'?{urlencode({"match": match})}'
        for sent in self._api.follow(f'{self._prefix}/events{query}'):
            yield Event(sent.name, msgspec.json.decode(sent.data))

    def links(self) -> list[LinkStatus]:
        return cast('list[LinkStatus]', self._call('GET', f'{self._prefix}/links')['links'])

    def cut_link(self, number: int) -> None:
        self._call('DELETE', f'{self._prefix}/links/{number:d}')

    # One proxy: where it serves, and whether

    def get_backend(self) -> str:
        return cast(str, self._call('GET', f'{self._prefix}/backend')['backend'])

    def set_backend(self, backend: str) -> None:
        self._call('PUT', f'{self._prefix}/backend', {'backend': backend})

    def enable(self) -> None:
        """Make the proxy listen again, on the same port."""
        self._call('PATCH', self._path, {'enabled': True})

    def disable(self) -> None:
        """Make the proxy close its links and its listening socket. It keeps its toxics and what is armed."""
        self._call('PATCH', self._path, {'enabled': False})

    @contextmanager
    def down(self) -> Iterator[Client]:
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

    def proxies(self) -> dict[str, ProxyAnswer]:
        """Return all proxies by name, each as `inspect` returns it."""
        return cast('dict[str, ProxyAnswer]', self._call('GET', '/proxies'))

    def create_proxy(
        self,
        name: str,
        listen: str,
        upstream: str,
        protocol: str | None = None,
        enabled: bool = True,
        *,
        addressed: bool | None = None,
        **tls: str | bool,
    ) -> Client:
        """Create a proxy that listens on *listen* in front of *upstream*, each ``host:port``; return a client of it.

        *upstream* may be a URL such as ``redis://localhost:6379/0``, which says the *protocol*, too; else that is
        ``tcp``. Port 0 takes a free port: ``client.inspect()['listen']`` says which. A proxy that is not *enabled* does
        not listen yet. If it is *addressed*, requests may ask for faults themselves. *tls* are its settings of TLS:
        ``tls='auto', backend_tls_ca=Path('ca.pem').read_text()``. Certificates and keys are text in PEM, because the
        process reads no file for a request.
        """
        quote_name(name)  # raises now, before there is a proxy that no path leads to
        if tls:
            _check_tls(tls)
        try:
            address, spoken = _read_upstream(upstream, protocol, tls)
        except ConfigError as error:  # the API, like Toxiproxy, would only fail when a client connects
            raise error.within('upstream') from None
        body = {'name': name, 'listen': listen, 'upstream': str(address), 'protocol': spoken, 'enabled': enabled, **tls}
        if addressed is not None:
            body['addressed'] = addressed
        self._call('POST', '/proxies', body)
        return self.proxy(name)

    def ca_pem(self) -> str:
        """Return the certificate of the authority that signs for proxies with ``tls='auto'``, as PEM."""
        answer = self._api.ask('GET', '/tls/ca.pem')
        if answer.status == HTTPStatus.OK:
            return answer.body.decode('ascii', 'backslashreplace')
        self._api.read(answer)
        raise self._api.make_error(f'it answers {answer.status}')

    def reset(self) -> None:
        """Reset every proxy: remove its toxics, arm the rules of its configuration, and enable it."""
        self._call('POST', '/reset')

    # The schedule of the process

    def set_schedule(self, schedule: Plan) -> None:
        """Run a schedule from now on: that in a file, by its path, or a mapping as it would be there, or its steps.

        One that still runs is stopped first, and puts back what it has changed. A mistake in a file has its place.
        """
        from vaurien.config.schedules import locate_in_plan, read_plan  # late: it looks for installed plug-ins

        body = read_plan(schedule)
        try:
            self._call('PUT', '/schedule', body)
        except ControlError as error:
            raise locate_in_plan(error, schedule) from None

    def get_schedule(self) -> ScheduleStatus:
        return cast(ScheduleStatus, self._call('GET', '/schedule'))

    def stop_schedule(self) -> None:
        self._call('DELETE', '/schedule')

    def mark(self, name: str) -> None:
        self._call('POST', '/schedule/mark', {'name': name})

    @contextmanager
    def schedule(self, schedule: Plan) -> Iterator[Client]:
        self.set_schedule(schedule)
        try:
            yield self
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
        return self.status()['name'] if self.name is None else self.name

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        return self._api.call(method, path, body)


def _check_attributes(type_: str, attributes: Mapping[str, object]) -> Mapping[str, object]:
    """Return the attributes checked; raise `OptionError` for a wrong one. The API, like Toxiproxy, would ignore it.

    Toxics that are not installed here are left to the process.
    """
    from vaurien.toxics import Toxic  # late: it looks for installed plug-ins

    if type_ not in Toxic.names():
        return attributes
    return cast('dict[str, object]', msgspec.to_builtins(Toxic.get(type_).check(attributes), enc_hook=str))


class _Found(NamedTuple):
    """A rule that was armed, and when its time is over, by the clock of this process; None: never."""

    rule: RuleStatus
    ends_at: float | None


def _find(rule: RuleStatus) -> _Found:
    return _Found(rule, monotonic() + rule['left'] if 'left' in rule else None)


def _declare(found: list[_Found]) -> list[dict[str, object]]:
    """Return what arms rules again, each for the time that is left to it."""
    now = monotonic()
    return [
        {
            **rule['options'],
            **({} if ends_at is None else {'for': ends_at - now}),
            'name': rule['name'],
            'percent': rule['percent'],
        }
        for rule, ends_at in found
        if ends_at is None or ends_at > now
    ]


def _read_upstream(upstream: str, protocol: str | None, tls: Mapping[str, str | bool]) -> tuple[Address, str]:
    """Return the address of a backend, and the protocol that is spoken there; raise `ConfigError`."""
    if '://' not in upstream:
        return Address.parse(upstream), protocol or 'tcp'
    from vaurien.config.backend_url import read_spoken  # late: with it come all behaviors and protocols

    return read_spoken(upstream, protocol, tls)


def _check_tls(tls: Mapping[str, str | bool]) -> None:
    """Raise `ConfigError` for a setting of TLS that there is not. The API, like Toxiproxy, would ignore it."""
    from vaurien.settings import TLSSettings  # late: with it come all behaviors and protocols

    for field in tls.keys() - set(TLSSettings.__struct_fields__):
        raise ConfigError(
            f'there is no such setting, {did_you_mean(field, list(TLSSettings.__struct_fields__))}', field
        )
