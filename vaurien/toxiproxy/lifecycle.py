"""Creating, changing and deleting proxies as Toxiproxy's API does.

A request for one proxy is carried out as a whole or not at all. It waits only while a name is looked up, and other
requests are served meanwhile. After that no other request is served until it is done, except that links are closed a
few at a time. A request for many proxies may be interrupted between two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import NoReturn

import msgspec

from vaurien.address import Address, is_host
from vaurien.clock import no_pause
from vaurien.engine import loops
from vaurien.engine.lookup import look_up_listening
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.turns import pausing
from vaurien.errors import AddressError, ConfigError, ToxiproxyError
from vaurien.rules.toxics import STREAMS
from vaurien.settings import ProxySettings
from vaurien.toxiproxy.fields import (
    ProxyFields,
    TLSFields,
    WrittenAddress,
    make_settings,
    parse_listen,
    parse_upstream,
)
from vaurien.toxiproxy.toxics import read_rules

#: What a name, or an IP address, means to who listens there.
Addresses = tuple[Address, ...]
#: Proxies that will leave their port, by port.
Leaving = Mapping[int, Sequence[ProxyServer]]
NONE_LEAVING: Leaving = {}


class ProxyChange(TLSFields, kw_only=True):
    """What to change of a proxy. What is left out stays as it is."""

    listen: str | None = None
    upstream: str | None = None
    enabled: bool | None = None
    protocol: str | None = None
    addressed: bool | None = None


class Lifecycle:
    """The operations on proxies. If one raises `ToxiproxyError`, it has changed nothing, unless it says otherwise."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies

    def find(self, name: str) -> ProxyServer:
        """Return the proxy of that name."""
        if name not in self._proxies:
            raise ToxiproxyError(404, 'proxy not found')
        return self._proxies[name]

    def create(self, fields: ProxyFields) -> ProxyServer:
        """Create a proxy and return it."""
        self._check_free(fields.name)
        addresses = _resolve(fields.listen, 'listen tcp: ') if fields.enabled else ()
        _refuse_loop(fields.upstream, addresses)
        self._check_free(fields.name)
        return self._add(fields, addresses)

    def populate(
        self, fields: ProxyFields, leaving: Leaving = NONE_LEAVING, pause: Callable[[], object] = no_pause
    ) -> ProxyServer:
        """Return a proxy with these fields: the one of that name if it has them, or else a new one in its place.

        Whether the existing one is enabled does not matter. What the same request populates later may be *leaving* a
        port that this one needs now. Such a proxy is disabled until its turn comes.
        """
        proxy = self._populate(fields, leaving)
        rules = sorted(read_rules(fields.toxics, pause=pause), key=lambda rule: STREAMS.index(rule.direction))
        if rules and list(proxy.toxics) != rules:
            proxy.toxics.clear()
            for rule in pausing(rules, pause):
                proxy.toxics.add(rule)
        return proxy

    def find_leaving(self, wanted: Sequence[ProxyFields], pause: Callable[[], object]) -> Leaving:
        """Return the proxies that will be on another port once *wanted* was populated."""
        leaving: dict[int, list[ProxyServer]] = {}
        for fields in wanted:
            proxy = self._proxies.get(fields.name)
            with suppress(AddressError):
                if proxy is not None and proxy.enabled and parse_listen(fields.listen).port != proxy.address.port:
                    leaving.setdefault(proxy.address.port, []).append(proxy)
            pause()
        return leaving

    def _populate(self, fields: ProxyFields, leaving: Leaving) -> ProxyServer:
        known = self._proxies.get(fields.name)
        if known is not None and not _differs(known, fields, ()):
            return known
        addresses: Addresses = ()
        if known is not None or fields.enabled:
            addresses = _resolve(fields.listen, '' if known else 'listen tcp: ')
            _refuse_loop(fields.upstream, addresses if fields.enabled else ())
        known = self._proxies.get(fields.name)
        if known is None:
            return self._add(fields, addresses, leaving)
        if not _differs(known, fields, addresses):
            return known
        return self._replace(known, fields, addresses, leaving)

    def change(self, name: str, change: ProxyChange) -> ProxyServer:
        """Move, redirect, start or stop a proxy, and return it. Its toxics stay."""
        proxy = self.find(name)
        if change.protocol not in (None, proxy.settings.protocol):
            _refuse_change('protocol', f'it is {proxy.settings.protocol}, and stays so')
        for field in _find_other(proxy, change):
            _refuse_change(field, 'it stays as it is')
        listen = proxy.address.written if change.listen is None else change.listen
        addresses: Addresses = ()
        if listen != proxy.address.written or (change.enabled and not proxy.enabled):
            addresses = _resolve(listen)
        if addresses or change.upstream is not None:
            upstream = proxy.backend.written if change.upstream is None else change.upstream
            _refuse_loop(upstream, addresses or proxy.addresses)
            proxy = self.find(name)
        if addresses and addresses[0] == proxy.address:  # and it may have had a name with more addresses
            addresses = proxy.addresses
        enabled = proxy.enabled if change.enabled is None else change.enabled
        moves = change.listen is not None and not _is_at(proxy, listen, addresses)
        if enabled and addresses and (moves or not proxy.enabled):
            _bind(proxy.move if proxy.enabled else partial(proxy.start, wait=False), addresses)
        elif addresses and moves:
            proxy.set_address(WrittenAddress.of(addresses[0], listen), *addresses[1:])
        if change.upstream is not None and change.upstream != proxy.backend.written:
            proxy.close_links()
            proxy.set_backend(parse_upstream(change.upstream))
        if change.enabled is False or (moves and not enabled):  # else a schedule may keep the port
            proxy.shut_down()
        return proxy

    def delete(self, name: str) -> None:
        """Stop a proxy and forget it."""
        self.find(name)
        self._proxies.remove(name)

    def reset(self) -> None:
        """Enable every proxy, remove its toxics, and arm the rules of its configuration.

        A proxy that cannot be started stays as it is. The others are reset before `ToxiproxyError` is raised.
        """
        failure: ToxiproxyError | None = None
        for name, proxy in list(self._proxies.items()):
            try:
                if not proxy.enabled:
                    self.change(name, ProxyChange(enabled=True))
            except ToxiproxyError as error:
                failure = error if name in self._proxies else failure
            else:
                proxy.toxics.clear()
                proxy.arm(proxy.settings.behaviors)
        if failure is not None:
            raise failure

    def _check_free(self, name: str) -> None:
        if name in self._proxies:
            raise ToxiproxyError(409, 'proxy already exists')

    def _add(self, fields: ProxyFields, addresses: Addresses, leaving: Leaving = NONE_LEAVING) -> ProxyServer:
        proxy = self._make(fields, self._proxies.defaults)
        if addresses:
            _start(proxy, addresses, leaving)
        self._proxies.add(proxy)
        return proxy

    def _replace(self, known: ProxyServer, fields: ProxyFields, addresses: Addresses, leaving: Leaving) -> ProxyServer:
        proxy = self._make(fields, msgspec.structs.replace(known.settings, toxics=()))
        if fields.enabled and addresses:
            with known.giving_way(addresses[0]):
                _start(proxy, addresses, leaving)
        self._proxies.replace(proxy)
        return proxy

    def _make(self, fields: ProxyFields, defaults: ProxySettings) -> ProxyServer:
        try:
            return self._proxies.make(make_settings(fields, defaults))
        except ConfigError as error:
            raise ToxiproxyError(400, f'bad request body: {error}') from None


def _start(proxy: ProxyServer, addresses: Addresses, leaving: Leaving) -> None:
    """Start a proxy at *addresses*. Those that are *leaving* the same port are disabled, but not if it cannot start."""
    port = addresses[0].port
    there = [one for one in leaving.get(port, ()) if one.enabled and one.address.port == port]
    with ExitStack() as stack:
        for one in there:
            stack.enter_context(one.giving_way(addresses[0]))
        _bind(partial(proxy.start, wait=False), addresses)
    for one in there:
        one.shut_down()


def _differs(proxy: ProxyServer, fields: ProxyFields, addresses: Addresses) -> bool:
    if (
        fields.upstream != proxy.backend.written
        or (fields.protocol or proxy.settings.protocol) != proxy.settings.protocol
        or _find_other(proxy, fields)
    ):
        return True
    return not _is_at(proxy, fields.listen, addresses)


def _find_other(proxy: ProxyServer, fields: ProxyFields | ProxyChange) -> list[str]:
    """Return the settings in *fields* that stay as they are, and that the proxy does not have."""
    given = fields.given_tls() | ({} if fields.addressed is None else {'addressed': fields.addressed})
    return [name for name, value in given.items() if value != getattr(proxy.settings, name)]


def _refuse_change(field: str, text: str) -> NoReturn:
    raise ToxiproxyError(400, f'bad request body: {field}: {text}: delete the proxy, and create it anew')


def _is_at(proxy: ProxyServer, listen: str, addresses: Addresses) -> bool:
    """Return whether the proxy listens where *listen* says. Its addresses are *addresses* once they were looked up."""
    try:
        return listen == proxy.address.written or parse_listen(proxy.address.written) in addresses[:1]
    except AddressError:
        return False


def _resolve(listen: str, prefix: str = '') -> Addresses:
    """Return the addresses to listen on, with IP addresses as their hosts: of IPv4 first if the name has one."""
    try:
        address = parse_listen(listen)
    except AddressError as error:
        raise ToxiproxyError(500, f'{prefix}{error.description}') from None
    if is_host(address.host):
        with suppress(OSError):
            return tuple(look_up_listening([address]))
    raise ToxiproxyError(500, f'{prefix}lookup {address.host}: no such host')


def _refuse_loop(upstream: str, addresses: Addresses) -> None:
    """Raise `ToxiproxyError` if who connects to *upstream* comes to the proxy at *addresses*."""
    try:
        loops.refuse(parse_upstream(upstream), addresses)
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: upstream: {error.description}') from None


def _bind(listen: Callable[..., None], addresses: Addresses) -> None:
    """Call *listen* with *addresses*; with the first alone if another is taken: Toxiproxy listens at no more."""
    try:
        listen(*addresses)
    except OSError as error:
        if len(addresses) > 1 and error.filename != str(addresses[0]):
            _bind(listen, addresses[:1])
            return
        text = f'{error.filename or addresses[0]}: bind: {(error.strerror or str(error)).lower()}'
        raise ToxiproxyError(500, f'listen tcp {text}') from None
