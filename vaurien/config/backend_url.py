"""The URL of a backend, as applications have it in their settings: it also says which protocol is spoken."""

from __future__ import annotations

from collections.abc import Mapping

from vaurien.address import Address, parse_backend
from vaurien.config.schemes import OPAQUE, SCHEMES, URL
from vaurien.errors import AddressError, ConfigError
from vaurien.plugins.options import did_you_mean
from vaurien.settings import AUTO, ProxySettings


class URLAddress(Address):
    """The address in a URL, with the protocol that its scheme is for."""

    scheme: str
    protocol: str
    #: Whether the application speaks TLS with the backend.
    is_tls: bool

    def choose_protocol(self, told: str | None) -> str:
        """Return the protocol, of which *told* is what is said elsewhere; raise `ConfigError` if that is another one.

        `OPAQUE` is none of its own: it may be said of any backend, and means that requests are not looked at.
        """
        if told not in (None, self.protocol, OPAQUE):
            raise ConfigError(f'a URL of {self.scheme} is for the protocol {self.protocol}, and not {told}')
        return told or self.protocol

    def check_tls(self, settings: Mapping[str, object]) -> None:
        """Raise `ConfigError` if the application speaks TLS with the backend, and by *settings* nobody would."""
        if self.is_tls and not settings.get('backend_tls') and settings.get('tls') != AUTO:
            raise ConfigError(
                'its URL is for TLS: add tls = auto (--tls auto), with which clients speak TLS, too, or backend-tls '
                '(--backend-tls), with which they do not'
            )


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


def _read(backend: str | Address) -> Address:
    """Return the address that a program gives; raise `AddressError`."""
    if isinstance(backend, Address):
        return backend
    if not isinstance(backend, str):  # such as None, of a variable of the environment that is not set
        raise AddressError(f'expected host:port or a URL, got {backend!r}', 'backend')
    return read_backend(backend)


def read_spoken(backend: str | Address, protocol: str | None, settings: Mapping[str, object]) -> tuple[Address, str]:
    """Return the address of a backend, and the protocol that is spoken there; raise `ConfigError`.

    A URL says both. *settings* are those of TLS, as they were given.
    """
    address = _read(backend)
    if not isinstance(address, URLAddress):
        return address, protocol or OPAQUE
    address.check_tls(settings)
    return Address(*address), address.choose_protocol(protocol)


def read_other(backend: str | Address, settings: ProxySettings) -> Address:
    """Return the address of another backend for a proxy with these *settings*; raise `ConfigError`.

    What is spoken with it stays as it is. So a URL has to be for that, or the proxy one that does not look at requests.
    """
    address = _read(backend)
    if not isinstance(address, URLAddress):
        return address
    spoken = settings.protocol
    if spoken not in (address.protocol, OPAQUE):
        raise ConfigError(
            f'a URL of {address.scheme} is for the protocol {address.protocol}, and the proxy speaks {spoken}: '
            f'write host:port if the backend speaks {spoken}, or create another proxy'
        )
    if address.is_tls and not settings.is_backend_leg:
        raise ConfigError(
            'its URL is for TLS, which the proxy does not speak with its backend: '
            'write host:port if the backend does without, or create another proxy, with backend_tls'
        )
    return Address(*address)
