"""Where connections go, and where they come from: names looked up once, before the first is dialed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from socket import AI_NUMERICHOST, IPPROTO_TCP, SOCK_STREAM, gaierror, getaddrinfo, socket
from typing import Any, NamedTuple

from vaurien.address import Address
from vaurien.errors import ConfigError

#: What `socket.socket` is made of and connected or bound to.
SocketAddress = Any


class Place(NamedTuple):
    """One of the addresses that a name stands for."""

    family: int
    address: SocketAddress


class Target:
    """A server to test.

    *name* is what its certificate has to be for. *sources* are numeric addresses of this machine, none for any.
    """

    def __init__(self, address: Address, places: Sequence[Place], sources: Sequence[Place], name: str = '') -> None:
        self.address = address
        self.name = name or address.host
        self.sources = sources
        #: In the order to try them; the one that answered last comes first.
        self.places = list(places)
        families = {source.family for source in sources}
        self._turns: dict[int, Iterator[Place]] = {
            family: cycle([source for source in sources if source.family == family]) for family in families
        }

    @classmethod
    def resolve(cls, address: Address, sources: Sequence[Place] = (), name: str = '') -> Target:
        """Look *address* up; raises `ConfigError` if nobody has that name, or none of *sources* can reach it."""
        places = look_up(address.host, address.port)
        if sources:
            families = {source.family for source in sources}
            places = [place for place in places if place.family in families]
        if not places:
            raise ConfigError(f'{address.host} and the addresses given are not both IPv4 or both IPv6', '--source')
        return cls(address, places, sources, name)

    def next_source(self, family: int) -> SocketAddress | None:
        """The address to dial from, in turn; None for any."""
        turns = self._turns.get(family)
        return next(turns).address if turns else None

    def prefer(self, place: Place) -> None:
        """It answered: try it first from now on."""
        if place is not self.places[0]:
            self.places.remove(place)
            self.places.insert(0, place)


def look_up(host: str, port: int, flags: int = 0) -> list[Place]:
    """Every address of *host*; raises `ConfigError`."""
    try:
        found = getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP, flags=flags)
    except gaierror as error:
        raise ConfigError(f'cannot resolve {host}: {error.strerror}') from None
    except UnicodeError:  # a label that is empty or longer than 63
        raise ConfigError(f'cannot resolve {host}: not a name') from None
    return [Place(family, address) for family, _, _, _, address in found]


def parse_sources(text: str) -> list[Place]:
    """Read ``ADDR,ADDR``, each an address that this machine has; raises `ConfigError`."""
    sources = []
    for word in filter(None, (word.strip() for word in text.split(','))):
        try:
            (source,) = look_up(word.strip('[]'), 0, AI_NUMERICHOST)
            with socket(source.family, SOCK_STREAM) as sock:
                sock.bind(source.address)
        except ConfigError:
            raise ConfigError(f'{word!r} is not a numeric address', '--source') from None
        except OSError as error:
            raise ConfigError(f'cannot dial from {word}: {error.strerror}', '--source') from None
        sources.append(source)
    return sources


def spell(address: SocketAddress) -> str:
    """``host:port`` of a socket address."""
    return str(Address(*address[:2]))
