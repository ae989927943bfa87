"""The addresses to connect to and from. Names are resolved once, before the first connection."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import cycle
from socket import AI_NUMERICHOST, IPPROTO_IP, IPPROTO_TCP, SOCK_STREAM, gaierror, getaddrinfo, socket
from typing import Any, NamedTuple

from vaurien.address import Address
from vaurien.errors import ConfigError, StartError, find_reason

#: An option of ip(7), which Python knows from 3.12 on: the local port is chosen by connect(), so that it has to be free
#: for this target only, and no port is taken before.
IP_BIND_ADDRESS_NO_PORT = 24

#: The address that `socket.socket` takes: a tuple, with two or four items.
SocketAddress = Any


class Place(NamedTuple):
    """One of the addresses of a name."""

    family: int
    address: SocketAddress


class Target:
    """A server to test.

    *name* is the one that its certificate has to be for. *sources* are the addresses to connect from, empty for any.
    """

    def __init__(self, address: Address, places: Sequence[Place], sources: Sequence[Place], name: str = '') -> None:
        self.address = address
        self.name = name or address.host
        self.sources = sources
        #: In the order in which to try them: the one that answered last comes first.
        self.places = list(places)
        families = {source.family for source in sources}
        self._turns: dict[int, Iterator[Place]] = {
            family: cycle([source for source in sources if source.family == family]) for family in families
        }

    @classmethod
    def resolve(cls, address: Address, sources: Sequence[Place] = (), name: str = '') -> Target:
        """Resolve *address*; raise `StartError` if that fails, and `ConfigError` if none of *sources* can reach it."""
        places = look_up(address.host, address.port)
        if sources:
            families = {source.family for source in sources}
            places = [place for place in places if place.family in families]
        if not places:
            raise ConfigError(f'{address.host} and the addresses given are not both IPv4 or both IPv6', '--source')
        return cls(address, places, sources, name)

    def next_source(self, family: int) -> SocketAddress | None:
        """Return the next address to connect from, None for any."""
        turns = self._turns.get(family)
        return next(turns).address if turns else None

    def prefer(self, place: Place) -> None:
        """Try *place* first from now on: it has answered."""
        if place is not self.places[0]:
            self.places.remove(place)
            self.places.insert(0, place)


def look_up(host: str, port: int, flags: int = 0) -> list[Place]:
    """Return all addresses of *host*; raise `StartError` if it has none, and `ConfigError` if it is no name."""
    try:
        found = getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP, flags=flags)
    except gaierror as error:
        raise StartError(f'cannot resolve {host}: {find_reason(error)}') from None
    except UnicodeError:  # a label is empty, or longer than 63 characters
        raise ConfigError(f'cannot resolve {host}: not a name') from None
    return [Place(family, address) for family, _, _, _, address in found]


def parse_sources(text: str) -> list[Place]:
    """Read ``ADDR,ADDR``; raise `ConfigError` if one is not an address of this machine."""
    sources = []
    for word in filter(None, (word.strip() for word in text.split(','))):
        try:
            (source,) = look_up(word.strip('[]'), 0, AI_NUMERICHOST)
            with socket(source.family, SOCK_STREAM) as sock:
                bind_address(sock, source.address)
        except (ConfigError, StartError):
            raise ConfigError(f'{word!r} is not a numeric address', '--source') from None
        except OSError as error:
            raise ConfigError(f'cannot dial from {word}: {error.strerror}', '--source') from None
        sources.append(source)
    return sources


def bind_address(sock: socket, source: SocketAddress) -> None:
    """Let *sock* connect from the address of *source*, and from any port."""
    if sys.platform == 'linux':  # elsewhere bind(2) takes a port, which nobody else can have then
        sock.setsockopt(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind(source)


def format_address(address: SocketAddress) -> str:
    """Return a socket address as ``host:port``."""
    return str(Address(*address[:2]))
