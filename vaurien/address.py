"""``host:port`` texts, and what they mean."""

from __future__ import annotations

from typing import NamedTuple

from vaurien.errors import AddressError

MAX_PORT = 65535


class Address(NamedTuple):
    """A host, as a name or a number without brackets, and a TCP port (0: any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{host}:{self.port}'

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``host:port`` or ``[v6]:port``; raises `AddressError`."""
        host, colon, port = text.rpartition(':')
        if host.startswith('[') and host.endswith(']'):
            host = host[1:-1]
        elif ':' in host:
            raise AddressError(f'{text!r} is ambiguous: write an IPv6 address in brackets, [::1]:8000')
        if not colon or not host:
            raise AddressError(f'{text!r} is not an address: expected host:port')
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= MAX_PORT):
            raise AddressError(f'{text!r} has no valid port: expected a number from 0 to {MAX_PORT}')
        if not is_host(host):
            raise AddressError(f'{text!r} has no valid host')
        return cls(host, int(port))


def is_host(text: str) -> bool:
    """Whether a name server can be asked for it; the resolver would fail on it with a traceback."""
    try:
        text.encode('idna')
    except UnicodeError:  # a label that is empty or longer than 63
        return False
    return text.isprintable()
