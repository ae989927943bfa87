"""Proxies whose backend leads back to themselves: one client of theirs would use up every file descriptor."""

from __future__ import annotations

from _socket import socket
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, AF_INET6, SOCK_DGRAM
from typing import Any, Protocol

import gevent

from vaurien.address import Address, is_number
from vaurien.engine.lookup import look_up
from vaurien.errors import ConfigError

#: Seconds that a look-up may take whose only purpose is to find a loop.
LOOKUP_TIMEOUT = 1.0

IP = IPv4Address | IPv6Address


class Node(Protocol):
    """The part of a listener that matters here."""

    @property
    def addresses(self) -> Sequence[Address]:
        """Where it listens."""

    @property
    def targets(self) -> Sequence[tuple[str, int]]:
        """The hosts and ports of its backend, as far as they are known."""


#: The listeners of this process, in whatever thread, by their port.
_listening: dict[int, tuple[Node, ...]] = {}


def add(node: Node) -> None:
    """Note that a proxy listens. The addresses stay the same from now on."""
    port = node.addresses[0].port
    _listening[port] = (*_listening.get(port, ()), node)


def discard(node: Node) -> None:
    """Note that it listens no more."""
    port = node.addresses[0].port
    others = tuple(one for one in _listening.pop(port, ()) if one is not node)
    if others:
        _listening[port] = others


def leads_back(target: tuple[str, int], addresses: Iterable[Address]) -> bool:
    """Return whether who connects to *target* comes to one of *addresses*, directly or through other proxies."""
    addresses = tuple(addresses)
    targets, passed = [target], set[int]()
    while targets:
        target = targets.pop()
        if any(_serves(address, target) for address in addresses):
            return True
        for node in _listening.get(target[1], ()):
            if id(node) not in passed and any(_serves(address, target) for address in node.addresses):
                passed.add(id(node))
                targets += node.targets
    return False


def refuse(backend: Address, addresses: Sequence[Address]) -> None:
    """Raise `ConfigError` if a proxy at *addresses* whose backend is *backend* would be its own client.

    A name is looked up only if its port is one that this process listens on, and for `LOOKUP_TIMEOUT` seconds at most.
    """
    if backend.port not in _listening and all(backend.port != address.port for address in addresses):
        return
    found: list[Any] = []
    with suppress(OSError, UnicodeError):
        found = look_up(*backend) if is_number(backend.host) else _look_up_soon(backend)
    if found and all(leads_back(one[4][:2], addresses) for one in found):
        raise ConfigError(f'{backend.written} leads back to the proxy itself', 'backend')


def _look_up_soon(backend: Address) -> list[Any]:
    with gevent.Timeout(LOOKUP_TIMEOUT, False):
        return look_up(*backend)
    return []


def _serves(address: Address, target: tuple[str, int]) -> bool:
    """Return whether who connects to *target* reaches a listener at *address*, of this machine."""
    if not address.port or address.port != target[1] or not is_number(address.host):
        return False
    listening, wanted = _read(address.host), _read(target[0])
    if wanted.is_unspecified:  # which the kernel takes for the loopback address
        wanted = ip_address('127.0.0.1' if wanted.version == 4 else '::1')
    if not listening.is_unspecified:
        return listening == wanted
    return listening.version in (wanted.version, 6) and _is_own(wanted)


def _read(host: str) -> IP:
    ip = ip_address(host)
    return getattr(ip, 'ipv4_mapped', None) or ip


def _is_own(ip: IP) -> bool:
    """Return whether it is an address of this machine: others cannot be bound."""
    try:
        with closing(socket(AF_INET if ip.version == 4 else AF_INET6, SOCK_DGRAM)) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True
