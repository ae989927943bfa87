"""Addresses and proxies as Toxiproxy writes them, in its API and its ``-config`` file.

What is said of those that are none is what Go's ``net`` package says, as its clients show it.
"""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec

from vaurien.address import MAX_PORT, Address
from vaurien.errors import AddressError, ConfigError
from vaurien.settings import ProxySettings

#: Hosts that mean every address of the machine; all are listened on as the last one, which takes IPv4 as well.
_WILDCARDS = {'', '0.0.0.0', '::'}
_EVERYWHERE = '::'


class ProxyFields(msgspec.Struct, kw_only=True):
    """One proxy of a ``-config`` file or a request. What Toxiproxy does not have is Vaurien's."""

    name: str = ''
    listen: str = ''
    upstream: str = ''
    enabled: bool = True
    protocol: str = 'tcp'


def parse_listen(text: str) -> Address:
    """Where to listen: ``host:port``, ``:port`` or nothing, where the port may be a service's name.

    Raises `AddressError`.
    """
    if not text:
        return Address(_EVERYWHERE, 0)
    host, port = _split(text)
    return Address(_EVERYWHERE if host in _WILDCARDS else host, _read_port(port))


def parse_upstream(text: str) -> Address:
    """Where to connect to. Any text will do: what is no address is found out by whoever connects."""
    try:
        host, port = _split(text)
        return Address(host or 'localhost', _read_port(port))
    except AddressError:
        return Address(text or 'localhost', 0)


def make_settings(fields: ProxyFields, seed: int | None = None) -> ProxySettings:
    """What a proxy is to be told; raises `AddressError` if it is to listen on something that is no address."""
    return ProxySettings(
        name=fields.name,
        proxy=parse_listen(fields.listen) if fields.enabled else Address(_EVERYWHERE, 0),
        backend=parse_upstream(fields.upstream),
        protocol=fields.protocol,
        enabled=fields.enabled,
        seed=seed,
    )


def read_config(path: str) -> list[ProxySettings]:
    """The proxies in a ``-config`` file, a JSON array; raises `ConfigError`."""
    try:
        entries = msgspec.json.decode(Path(path).read_bytes(), type=list[ProxyFields])
    except OSError as error:
        raise ConfigError(f'cannot read it: {error.strerror}', path) from None
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f'expected a JSON array of proxies: {error}', path) from None
    settings = []
    for i, entry in enumerate(entries):
        try:
            for field in ('name', 'upstream'):
                if not getattr(entry, field):
                    raise ConfigError(f'missing {field}')
            settings.append(make_settings(entry))
        except ConfigError as error:
            raise type(error)(error.description, f'{path}: [{i}]') from None
    return settings


def _split(text: str) -> tuple[str, str]:
    """Host and port of ``host:port`` or ``[v6]:port``."""
    host, colon, port = text.rpartition(':')
    if text.startswith('[') and (not colon or not host.endswith(']')):
        raise AddressError(f'address {text}: missing port in address')
    if not colon:
        raise AddressError(f'address {text}: missing port in address')
    if host.startswith('['):
        return host[1:-1], port
    if ':' in host:
        raise AddressError(f'address {text}: too many colons in address')
    return host, port


def _read_port(text: str) -> int:
    if text.isascii() and text.isdigit():
        if len(text) > 5 or int(text) > MAX_PORT:
            raise AddressError(f'address {text}: invalid port')
        return int(text)
    try:
        return socket.getservbyname(text, 'tcp') if text else 0
    except OSError:
        raise AddressError(f'lookup tcp/{text}: unknown port') from None
