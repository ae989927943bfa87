"""Looks host names up. Numbers never wait, and a name server that is slow about one name delays no other."""

from __future__ import annotations

from ipaddress import ip_address
from socket import AF_INET, AI_NUMERICHOST, SOCK_STREAM
from typing import Any

import gevent
from gevent.monkey import get_original
from gevent.socket import getaddrinfo

from vaurien.address import Address

#: Names that are looked up at once at most: each takes a thread of its own for as long as the name server needs.
LOOKUPS = 256

#: The function that the command has patched: for numbers it needs no thread, and so other events cannot come first.
_read_number = get_original('socket', 'getaddrinfo')


def look_up(host: str, port: int) -> list[Any]:
    """Return what ``getaddrinfo`` finds for TCP, while other greenlets go on.

    Raise `OSError` if it finds nothing, and `UnicodeError` if *host* cannot be encoded.
    """
    if is_number(host):
        return list(_read_number(host, port, type=SOCK_STREAM, flags=AI_NUMERICHOST))
    host.encode('idna')  # here, because gevent prints the traceback of what is raised in a thread
    pool = gevent.get_hub().threadpool
    pool.maxsize = max(pool.maxsize, LOOKUPS)
    return list(getaddrinfo(host, port, type=SOCK_STREAM))


def look_up_listening(address: Address) -> list[Address]:
    """Return the addresses, with numbers as hosts, that it takes to listen on *address*: those of IPv4 come first.

    Raise `OSError` if there are none. No name server is asked about ``localhost``, and it always has an address of
    IPv6 (RFC 6761, 6.3), though the hosts file of many machines does not say so.
    """
    host, port = address
    if host.lower() == 'localhost':
        return [Address('127.0.0.1', port), Address('::1', port)]
    if is_number(host):
        return [Address(host, port)]
    found = sorted(look_up(host, port), key=lambda one: one[0] != AF_INET)
    return [Address(host, port) for host in dict.fromkeys(str(one[4][0]) for one in found)]


def is_number(host: str) -> bool:
    """Return whether *host* is an IP address, and so needs no name server."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
