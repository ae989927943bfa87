"""Listens at every address of a name, as clients may try any of them."""

from __future__ import annotations

import socket
from errno import EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT
from ipaddress import ip_address

from vaurien.address import Address

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
    hosts = _find_hosts(address.host)
    attempts = 1 if address.port else ATTEMPTS
    while True:
        attempts -= 1
        try:
            return _listen_at(hosts, address.port)
        except OSError as error:
            # A port that is free at the first address may be in use at the next one.
            if error.errno != EADDRINUSE or not attempts:
                raise


def _listen_at(hosts: list[str], port: int) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    absent: OSError | None = None
    for host in hosts:
        try:
            listeners.append(_listen(host, listeners[0].getsockname()[1] if listeners else port))
        except OSError as error:
            if error.errno in _ABSENT:
                absent = error
                continue
            for listener in listeners:
                listener.close()
            raise
    if absent is not None and not listeners:
        raise absent
    return listeners


def _find_hosts(host: str) -> list[str]:
    """Return the addresses of a host. ``localhost`` has two, whatever the hosts file says (RFC 6761, 6.3)."""
    if host.lower() == 'localhost':
        return ['127.0.0.1', '::1']
    if not host or _is_number(host):
        return [host]
    host.encode('idna')  # here, because gevent prints the traceback of what is raised in a thread
    found = sorted(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM), key=lambda one: one[0] != socket.AF_INET)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _listen(host: str, port: int) -> socket.socket:
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server((host, port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
