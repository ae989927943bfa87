"""The URL of a backend, as applications have it in their settings: it also says which protocol is spoken."""

from __future__ import annotations

from vaurien.address import Address, parse_backend
from vaurien.config.schemes import OPAQUE, SCHEMES, URL
from vaurien.errors import AddressError, ConfigError
from vaurien.plugins.options import did_you_mean


class URLAddress(Address):
    """The address in a URL, with the protocol that its scheme is for."""

    scheme: str
    protocol: str
    #: Whether the application speaks TLS with the backend.
    is_tls: bool


def read_backend(text: str) -> Address:
    """Return the address of a backend: `parse_backend` with URLs; raise `AddressError`.

    No message has more of a URL in it than its scheme: there may be a password in the rest.
    """
    if '://' not in text:
        return parse_backend(text)
    match = URL.match(text)
    scheme = match['scheme'].lower() if match else ''
    if scheme not in (*SCHEMES, OPAQUE):
        raise AddressError(f'unknown scheme of a URL {scheme!r}, {did_you_mean(scheme, [*SCHEMES, OPAQUE])}')
    from vaurien.config.connection_string import read_connection_string  # late: few addresses are URLs

    protocol = SCHEMES[scheme][0] if scheme in SCHEMES else OPAQUE
    try:
        read = read_connection_string(text, protocol)
    except ConfigError as error:
        raise AddressError(str(error)) from None
    if len(read.addresses) > 1:
        raise AddressError('it names several hosts: a proxy has one backend, so write one of them')
    address = URLAddress(*read.addresses[0])
    address.scheme, address.protocol, address.is_tls = scheme, protocol, read.is_tls
    return address
