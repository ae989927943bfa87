"""Listens at every address of a name, as clients may try any of them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from errno import EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT
from typing import Any, Protocol, TypeVar

from vaurien.address import Address, is_number

#: How many clients may wait to be accepted: as many as the kernel allows (net.core.somaxconn).
BACKLOG = 65535

#: How many free ports are tried until one is free at every address.
ATTEMPTS = 20

#: The machine has no such address: ``localhost`` is one of IPv6, too, though the machine may not have it.
_ABSENT = {EADDRNOTAVAIL, EAFNOSUPPORT}


def listen(address: Address) -> list[socket.socket]:
    """Listen on one port at all addresses of a name that the machine has, those of IPv4 first.

    Raise `OSError`, and `UnicodeError` for a name that cannot be encoded.
    """
    return bind_everywhere(_find_hosts(address.host), address.port, _listen)


class Bound(Protocol):
    """A socket that is bound."""

    def getsockname(self) -> Any:
        """Return its address."""

    def close(self) -> object:
        """Leave its port to others."""


Sock = TypeVar('Sock', bound=Bound)


def bind_everywhere(hosts: Sequence[str], port: int, bind: Callable[[str, int], Sock]) -> list[Sock]:
    """Return what *bind* makes, on one port, of each of *hosts* that the machine has; raise `OSError`.

    Port 0 is one that is free at all of them.
    """
    attempts = 1 if port else ATTEMPTS
    while True:
        attempts -= 1
        try:
            return _bind_once(hosts, port, bind)
        except OSError as error:
            # A port that is free at the first address may be in use at the next one.
            if error.errno != EADDRINUSE or not attempts:
                raise


def _bind_once(hosts: Sequence[str], port: int, bind: Callable[[str, int], Sock]) -> list[Sock]:
    bound: list[Sock] = []
    absent: OSError | None = None
    try:
        for host in hosts:
            try:
                bound.append(bind(host, bound[0].getsockname()[1] if bound else port))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
    except BaseException:
        for one in bound:
            one.close()
        raise
    if absent is not None and not bound:
        raise absent
    return bound


def _find_hosts(host: str) -> list[str]:
    """Return the addresses to listen on: every address of the machine for an empty *host*."""
    return find_hosts(host, _look_up) if host else ['']


def _look_up(host: str) -> list[Any]:
    host.encode('idna')  # here, because gevent prints the traceback of what is raised in a thread
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


def find_hosts(host: str, look_up: Callable[[str], Iterable[Any]]) -> list[str]:
    """Return the IP addresses that it takes to listen on *host*: those of IPv4 come first.

    *look_up* returns what ``getaddrinfo`` finds. No name server is asked about ``localhost``, and it always has an
    address of IPv6 (RFC 6761, 6.3), though the hosts file of many machines does not say so.
    """
    if host.lower() == 'localhost':
        return ['127.0.0.1', '::1']
    if is_number(host):
        return [host]
    found = sorted(look_up(host), key=lambda one: one[0] != socket.AF_INET)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _listen(host: str, port: int) -> socket.socket:
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server((host, port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
