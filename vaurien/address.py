"""Addresses, and the text ``host:port`` that stands for one."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from vaurien.errors import AddressError

MAX_PORT = 65535


class Address(NamedTuple):
    """A host, as a name or an IP address without brackets, and a TCP port. Port 0 means any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{host}:{self.port}'

    @property
    def written(self) -> str:
        """The text to show to users. A subclass may keep the text that they wrote."""
        return str(self)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address that ``host:port`` or ``[IPv6]:port`` stands for; raise `AddressError` for other texts."""
        refuse_credentials(text, 'host:port')
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


def parse_place(text: str) -> Address:
    """Return the address that a user writes: as `Address.parse` has it, or a port alone, ``8000`` or ``:8000``.

    Such a port is one of localhost: whatever is to be reached from elsewhere has to be said. Raise `AddressError`.
    """
    port = text.removeprefix(':')
    return Address.parse(f'localhost:{port}' if port.isascii() and port.isdigit() else text)


def refuse_credentials(text: str, expected: str) -> None:
    """Raise `AddressError` if a part of a URL is in *text*, without it: a message must not show a password."""
    if '://' in text:
        raise AddressError(f'it is a URL: expected {expected}')
    if '@' in text:
        raise AddressError(f'there is a user in it: expected {expected}')


class _Nowhere(Address):
    """Stands for a backend that there is none of."""

    def __str__(self) -> str:
        return self.host


#: What ``none`` stands for, where a backend is expected. Nothing connects to port 0.
NOWHERE: Address = _Nowhere('none', 0)


def parse_backend(text: str) -> Address:
    """Return the address of a backend, or `NOWHERE` for ``none``; raise `AddressError`."""
    return NOWHERE if text == NOWHERE.host else parse_place(text)


def is_number(host: str) -> bool:
    """Return whether *host* is an IP address, and so needs no name server."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Return whether *text* may be a host name or an IP address.

    Python's resolver raises `UnicodeError`, not `OSError`, for a name that it cannot encode.
    """
    try:
        text.encode('idna')
    except UnicodeError:  # a label that is empty or longer than 63 bytes (RFC 1035, 2.3.4)
        return False
    return text.isprintable()
