"""A broker's address as ZeroMQ takes it, and the end of a connection."""

from __future__ import annotations

import socket
from typing import Any

from vaurien.address import Address
from vaurien.errors import StartError, find_reason

#: Where agents and runners look for a broker by default.
DEFAULT_BROKER = Address('localhost', 5557)


def resolve(address: Address) -> str:
    """Return the IP address of a host. Raises `StartError` if it has none."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise StartError(f'cannot resolve {address.host}: {find_reason(error)}') from None
    # A name may have IPv4 and IPv6 addresses. All peers must choose the same one.
    return str(min(found, key=lambda one: one[0] != socket.AF_INET)[4][0])


def resolve_for_zmq(address: Address) -> str:
    """Return the IP address of a host, with the brackets that ZeroMQ wants around one of IPv6. Raises `StartError`."""
    host = resolve(address)
    return f'[{host}]' if ':' in host else host


def close_zmq(zmq_socket: Any, linger_ms: int) -> None:
    """Close a socket of Locust once all its messages are sent, or after *linger_ms*; this blocks the process."""
    zmq_socket.close(linger=linger_ms)
    zmq_socket.context.term()  # each socket of Locust has a context of its own
