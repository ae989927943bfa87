"""Addresses and proxies as Toxiproxy writes them, in its API and in its ``-config`` file.

The texts of errors about addresses are those of Go's package ``net``, because Toxiproxy's clients show them.
"""

from __future__ import annotations

import re
import socket
from typing import Any, Literal

import msgspec

from vaurien.address import MAX_PORT, Address
from vaurien.console.files import read_file
from vaurien.console.values import has_more_values
from vaurien.errors import AddressError, ConfigError, ToxiproxyError
from vaurien.protocols import Protocol
from vaurien.rules.toxics import ToxicRule
from vaurien.settings import AUTO, ProxySettings, TLSVersion, is_pem
from vaurien.toxiproxy import gojson
from vaurien.toxiproxy.toxics import read_rules
from vaurien.web.segment import check_name

#: The hosts that mean every address of the machine.
_WILDCARDS = {'', '0.0.0.0', '::'}
#: Where a proxy listens that is not given an address: a free port that only this machine reaches.
LOOPBACK = Address('127.0.0.1', 0)
#: The most bytes and values of a ``-config`` file: those of some ten thousand proxies.
MAX_CONFIG = 8 * 1024 * 1024
MAX_VALUES = 500_000
#: The fields whose values are files in PEM, or text.
PEM_FIELDS = ('proxy_tls', 'proxy_tls_client_ca', 'backend_tls_ca', 'backend_tls_cert', 'backend_tls_key')
_NUMBER = re.compile(r'[+-]?\d+', re.ASCII)


class TLSFields(msgspec.Struct, kw_only=True):
    """The fields of `TLSSettings`, as a ``-config`` file or a request has them. Toxiproxy has none of them."""

    tls: Literal['auto', 'refuse'] | None = None
    tls_mode: Literal['implicit', 'upgrade'] | None = None
    proxy_tls: str | None = None
    proxy_tls_client_ca: str | None = None
    backend_tls: bool | None = None
    backend_tls_verify: bool | None = None
    backend_tls_ca: str | None = None
    backend_tls_name: str | None = None
    backend_tls_cert: str | None = None
    backend_tls_key: str | None = None
    tls_min: TLSVersion | None = None
    tls_max: TLSVersion | None = None
    tls_keylog: str | None = None

    def given_tls(self) -> dict[str, Any]:
        """Return the settings of TLS that are given, by name."""
        given = {name: getattr(self, name) for name in TLSFields.__struct_fields__}
        return {name: value for name, value in given.items() if value is not None}

    def refuse_files(self) -> None:
        """Raise `ConfigError` for a field that names a file: who may ask the API need not be one who may read it."""
        for name, value in self.given_tls().items():
            if name == 'tls_keylog':
                raise ConfigError('requests have no file written', name)
            if name in PEM_FIELDS and not (is_pem(value) or (name, value) == ('proxy_tls', AUTO)):
                auto = f'{AUTO}, or ' if name == 'proxy_tls' else ''
                raise ConfigError(f'expected {auto}text in PEM: requests have no file read', name)


class ProxyFields(TLSFields, kw_only=True):
    """A proxy of a ``-config`` file or of a request. Toxiproxy has only names, addresses and toxics."""

    name: str = ''
    listen: str = ''
    upstream: str = ''
    enabled: bool = True
    protocol: str | None = None
    addressed: bool | None = None
    #: Read by `read_rules` where they count: whoever creates one proxy may send anything, as in Toxiproxy.
    toxics: Any = None

    def find_missing(self) -> str:
        """Return the first required field that is missing, or an empty text."""
        return next((field for field in ('name', 'upstream') if not getattr(self, field)), '')


class WrittenAddress(Address):
    """An address that is shown as a client wrote it: ``:6379``, ``localhost:http``, or a text that is no address."""

    _text: str

    @classmethod
    def of(cls, address: Address, text: str) -> WrittenAddress:
        """Return *address*, to be shown as *text*."""
        written = cls(*address)
        written._text = text
        return written

    @property
    def written(self) -> str:
        """The text that Toxiproxy's clients gave."""
        return self._text


def everywhere() -> str:
    """Return the host that means every address of the machine: of IPv4, and of IPv6 if the machine has it."""
    return '::' if socket.has_dualstack_ipv6() else '0.0.0.0'


def parse_listen(text: str) -> Address:
    """Return the address to listen on from ``host:port``, ``:port`` or an empty text; raise `AddressError`.

    The port may be the name of a service. ``:port`` is every address of the machine, as in Go. An empty text is not:
    whoever leaves the address out has not asked to be reached by others.
    """
    if not text:
        return LOOPBACK
    host, port = split_host_port(text)
    return Address(everywhere() if host in _WILDCARDS else host, _read_port(port))


def parse_upstream(text: str) -> WrittenAddress:
    """Return the address to connect to. As in Toxiproxy, any text will do: it fails at the first connection."""
    try:
        host, port = split_host_port(text)
        address = Address(host or 'localhost', _read_port(port))
    except AddressError:
        address = Address(text or 'localhost', 0)
    return WrittenAddress.of(address, text)


def split_host_port(text: str) -> tuple[str, str]:
    """Return the host and the port of ``host:port`` or ``[v6]:port``; raise `AddressError`.

    It reads what https://pkg.go.dev/net#SplitHostPort reads.
    """

    def refuse(what: str) -> AddressError:
        return AddressError(f'address {text}: {what}')

    before, colon, port = text.rpartition(':')
    if not colon:
        raise refuse('missing port in address')
    host, bracket, after = before.removeprefix('[').partition(']') if text[0] == '[' else (before, '', '')
    if text[0] == '[' and not bracket:
        raise refuse("missing ']' in address" if ']' not in port else 'missing port in address')
    if after:
        raise refuse('too many colons in address' if after[0] == ':' else 'missing port in address')
    if not bracket and ':' in host:
        raise refuse('too many colons in address')
    for char in '[]':
        if char in host + port:
            raise refuse(f"unexpected '{char}' in address")
    return host, port


def make_settings(fields: ProxyFields, defaults: ProxySettings, toxics: tuple[ToxicRule, ...] = ()) -> ProxySettings:
    """Return the settings of a proxy; raise `ConfigError` for an unknown protocol or a text that is no address."""
    try:
        address = WrittenAddress.of(parse_listen(fields.listen if fields.enabled else ''), fields.listen)
    except AddressError as error:
        raise error.within('listen') from None
    protocol = fields.protocol or defaults.protocol
    try:
        Protocol.get(protocol)
    except ConfigError as error:
        raise error.within('protocol') from None
    return msgspec.structs.replace(
        defaults,
        name=fields.name,
        proxy=address,
        backend=parse_upstream(fields.upstream),
        reset_if_unreachable=False,
        protocol=protocol,
        enabled=fields.enabled,
        toxics=toxics or defaults.toxics,
        addressed=defaults.addressed if fields.addressed is None else fields.addressed,
        **fields.given_tls(),
    )


def read_config(path: str, defaults: ProxySettings) -> list[ProxySettings]:
    """Return the settings of the proxies in a ``-config`` file, a JSON array; raise `ConfigError`."""
    try:
        content = read_file(path, MAX_CONFIG)
        if has_more_values(content, MAX_VALUES):
            raise ConfigError(f'more than {MAX_VALUES} values')
        entries: list[ProxyFields] = gojson.read(content, list[ProxyFields])
    except OSError as error:
        raise ConfigError(f'cannot read it: {error.strerror}', path) from None
    except ConfigError as error:
        raise ConfigError(f'expected a JSON array of proxies: {error}', path) from None
    settings: list[ProxySettings] = []
    for i, entry in enumerate(entries):
        place = f'{path}: [{i}]'
        if missing := entry.find_missing():
            raise ConfigError(f'missing {missing}', place)
        try:
            check_name(entry.name)
        except ConfigError as error:
            raise error.within('name').within(place) from None
        try:
            settings.append(make_settings(entry, defaults, read_rules(entry.toxics)))
        except ConfigError as error:
            raise error.within(place) from None
        except ToxiproxyError as error:
            raise ConfigError(error.text, f'{place}.toxics') from None
    return settings


def _read_port(text: str) -> int:
    if not text:
        return 0
    if _NUMBER.fullmatch(text):
        if not 0 <= (port := int(text[:4000])) <= MAX_PORT:
            raise AddressError(f'address {text}: invalid port')
        return port
    try:
        return socket.getservbyname(text.lower(), 'tcp')
    except (OSError, ValueError):  # ValueError: the text has a NUL character
        raise AddressError(f'lookup tcp/{text}: unknown port') from None
