"""Looks host names up. Numbers never wait, and a name server that is slow about one name delays no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from socket import AI_NUMERICHOST, SOCK_STREAM
from typing import Any

import gevent
from gevent.monkey import get_original
from gevent.socket import getaddrinfo

from vaurien.address import Address, is_number
from vaurien.web.listening import find_hosts

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


def look_up_listening(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses, with numbers as hosts, that it takes to listen on *addresses*: those of IPv4 come first.

    Raise `OSError` if there are none for one of them.
    """
    return [Address(host, port) for name, port in addresses for host in _find_hosts(name, port)]


def _find_hosts(name: str, port: int) -> Iterable[str]:
    return find_hosts(name, lambda host: look_up(host, port))
