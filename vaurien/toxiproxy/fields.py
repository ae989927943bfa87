"""Addresses and proxies as Toxiproxy writes them, in its API and its ``-config`` file.

What is said of those that are none is what Go's ``net`` package says, as its clients show it.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

import msgspec

from vaurien.address import MAX_PORT, Address
from vaurien.errors import AddressError, ConfigError
from vaurien.protocols import Protocol
from vaurien.settings import ProxySettings
from vaurien.toxiproxy import gojson

#: Hosts that mean every address of the machine.
_WILDCARDS = {'', '0.0.0.0', '::'}
_NUMBER = re.compile(r'[+-]?\d+', re.ASCII)


class ProxyFields(msgspec.Struct, kw_only=True):
    """One proxy of a ``-config`` file or a request. What Toxiproxy does not have is Vaurien's."""

    name: str = ''
    listen: str = ''
    upstream: str = ''
    enabled: bool = True
    protocol: str | None = None

    def find_missing(self) -> str:
        """The first field that must be there and is not; nothing if all are."""
        return next((field for field in ('name', 'upstream') if not getattr(self, field)), '')


class WrittenAddress(Address):
    """An address that is shown as somebody wrote it: ``:6379``, ``localhost:http``, or what is no address at all."""

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
    """The host to listen on for every address of the machine, of IPv4 and, if it has that, of IPv6."""
    return '::' if socket.has_dualstack_ipv6() else '0.0.0.0'


def parse_listen(text: str) -> Address:
    """Where to listen: ``host:port``, ``:port`` or nothing, where the port may be a service's name.

    Raises `AddressError`.
    """
    host, port = split_host_port(text) if text else ('', '')
    return Address(everywhere() if host in _WILDCARDS else host, _read_port(port))


def parse_upstream(text: str) -> WrittenAddress:
    """Return where to connect to. Any text will do: that it is no address turns out when a client connects."""
    try:
        host, port = split_host_port(text)
        address = Address(host or 'localhost', _read_port(port))
    except AddressError:
        address = Address(text or 'localhost', 0)
    return WrittenAddress.of(address, text)


def split_host_port(text: str) -> tuple[str, str]:
    """Host and port of ``host:port`` or ``[v6]:port`` (https://pkg.go.dev/net#SplitHostPort); raises `AddressError`."""

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


def make_settings(fields: ProxyFields, defaults: ProxySettings) -> ProxySettings:
    """What a proxy is to be told; raises `ConfigError` for a protocol that there is not, or no address to listen on."""
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
    )


def read_config(path: str, defaults: ProxySettings) -> list[ProxySettings]:
    """The proxies in a ``-config`` file, a JSON array; raises `ConfigError`."""
    try:
        entries: list[ProxyFields] = gojson.read(Path(path).read_bytes(), list[ProxyFields])
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
            settings.append(make_settings(entry, defaults))
        except ConfigError as error:
            raise error.within(place) from None
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
    except (OSError, ValueError):  # the latter: no text for the system
        raise AddressError(f'lookup tcp/{text}: unknown port') from None
