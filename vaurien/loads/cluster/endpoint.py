"""Where a broker is: an address as ZeroMQ takes it."""

from __future__ import annotations

import socket

from vaurien.address import Address
from vaurien.errors import ConfigError

#: Where agents and runners look for a broker by default.
DEFAULT_BROKER = Address('localhost', 5557)


def resolve(address: Address, *, what: str) -> str:
    """Return the IP address of a host. Raises `ConfigError` if it has none; *what* names the flag."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f'cannot resolve {address.host}: {error.strerror}', what) from None
    # A name may have IPv4 and IPv6 addresses. All peers must choose the same one.
    return str(min(found, key=lambda one: one[0] != socket.AF_INET)[4][0])


def resolve_for_zmq(address: Address) -> str:
    """Likewise, with the brackets that ZeroMQ wants around an IPv6 address."""
    host = resolve(address, what='--broker')
    return f'[{host}]' if ':' in host else host
