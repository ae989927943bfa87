"""Whether a backend is on this machine: faults and repeated tests are nothing for one that others use."""

from __future__ import annotations

from ipaddress import ip_address
from socket import AF_INET6, SOCK_DGRAM, getaddrinfo, socket

from vaurien.address import Address
from vaurien.errors import ConfigError, find_reason


def is_local(address: Address) -> bool:
    """Return whether *address* is one of this machine, whatever of its addresses it may be.

    Raise `ConfigError` if its host cannot be looked up.
    """
    try:
        found = getaddrinfo(address.host, address.port, type=SOCK_DGRAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be encoded
        raise ConfigError(f'{address.host!r} cannot be looked up: {find_reason(error)}') from None
    return all(_is_own(family, place) for family, _, _, _, place in found)


def refuse_remote(address: Address) -> None:
    """Raise `ConfigError` for an *address* that is not one of this machine."""
    if not is_local(address):
        raise ConfigError(f'{address} is not on this machine, and exploring writes to it: allow-remote allows it')


def _is_own(family: int, place: tuple[object, ...]) -> bool:
    """Return whether the system would reach *place* without leaving the machine. Nothing is sent."""
    host = str(place[0])
    if ip_address(host.partition('%')[0]).is_loopback:
        return True
    with socket(AF_INET6 if family == AF_INET6 else family, SOCK_DGRAM) as probe:
        try:
            probe.connect(place)
        except OSError:  # there is no way to it
            return False
        # The system takes an address of its own for the sender: to itself, it takes the one that is asked for.
        return bool(probe.getsockname()[0] == probe.getpeername()[0])
