"""Looks host names up. Numbers never wait, and a name server that is slow about one name delays no other."""

from __future__ import annotations

from ipaddress import ip_address
from socket import AI_NUMERICHOST, SOCK_STREAM
from typing import Any

import gevent
from gevent.monkey import get_original
from gevent.socket import getaddrinfo

#: Names that are looked up at once at most: each takes a thread of its own for as long as the name server needs.
LOOKUPS = 256

#: The function that the command has patched: for numbers it needs no thread, and so other events cannot come first.
_read_number = get_original('socket', 'getaddrinfo')


def look_up(host: str, port: int) -> list[Any]:
    """Return what ``getaddrinfo`` finds for TCP, while other greenlets go on. Raise `OSError` if it finds nothing."""
    if is_number(host):
        return list(_read_number(host, port, type=SOCK_STREAM, flags=AI_NUMERICHOST))
    pool = gevent.get_hub().threadpool
    pool.maxsize = max(pool.maxsize, LOOKUPS)
    return list(getaddrinfo(host, port, type=SOCK_STREAM))


def is_number(host: str) -> bool:
    """Return whether *host* is an IP address, and so needs no name server."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
