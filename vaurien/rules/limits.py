"""The limits of a rule: for which requests it is, how often, and for how long."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any

from msgspec import Meta

from vaurien.plugins.options import Option, Parsed
from vaurien.plugins.units import PositiveSeconds
from vaurien.rules.match import Ordinals, Pattern

#: The most characters of a sequence.
MAX_SEQUENCE = 1000

Count = Annotated[int, Meta(ge=1)]


class Rhythm(Parsed):
    """Which exchanges fail and which pass, over and over: ``fail,fail,pass``."""

    schema = {'type': 'string', 'maxLength': MAX_SEQUENCE, 'pattern': r'^ *(pass *, *)*fail *(, *(fail|pass) *)*$'}

    def __init__(self, text: str, fails: tuple[bool, ...]) -> None:
        super().__init__(text)
        self._fails = fails

    @classmethod
    def parse(cls, value: Any) -> Rhythm:
        """Return *value* as a sequence; raise ValueError if it is none."""
        words = [word.strip() for word in value.split(',')] if isinstance(value, str) else []
        if not {'fail'} <= set(words) <= {'fail', 'pass'} or len(value) > MAX_SEQUENCE:
            raise ValueError(f'expected fail and pass, such as fail,fail,pass, of up to {MAX_SEQUENCE} characters')
        return cls(value, tuple(word == 'fail' for word in words))

    def __contains__(self, number: int) -> bool:
        return self._fails[(number - 1) % len(self._fails)]


_OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'


class Network(Parsed):
    """The clients of an address, or of a network: ``10.1.2.3``, ``10.0.0.0/8``, ``2001:db8::/32``."""

    # A pattern cannot tell which addresses are those of networks: the other form has all the others.
    schema = {
        'anyOf': [
            {'type': 'string', 'pattern': rf'^({_OCTET}\.){{3}}{_OCTET}(/32)?$'},
            {'type': 'string', 'format': 'ipv6'},
        ],
        'examples': ['10.0.0.0/8', '2001:db8::/32'],
    }

    def __init__(self, text: str, addresses: IPv4Network | IPv6Network) -> None:
        super().__init__(text)
        self._addresses = addresses

    @classmethod
    def parse(cls, value: Any) -> Network:
        """Return *value* as a network; raise ValueError if it is none."""
        try:
            return cls(value, ip_network(value if '/' in value else _unmap(ip_address(value))))
        except (TypeError, ValueError) as error:
            reason = f': {error}' if 'host bits' in str(error) else ''
            raise ValueError(f'expected an address or a network, such as 10.0.0.0/8{reason}') from None

    def __contains__(self, host: object) -> bool:
        return isinstance(host, str) and _unmap(ip_address(host)) in self._addresses


def _unmap(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the address of IPv4 that stands in one of IPv6 where a socket is for both (RFC 4291, 2.5.5.2)."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


#: These limits, declared as the options that every behavior has.
LIMITS: dict[str, Option] = {
    'match': ('Only requests with a text like GET /orders* (in any case), or like /regex/', Pattern | None, None),
    'nth': ('Only some of these requests: 3, 1-2, 5+, every 10', Ordinals | None, None),
    'times': ('Number of faults after which it retires', Count | None, None),
    'once': ('It sleeps until a request like this was seen on any link: a pattern as for match', Pattern | None, None),
    'sequence': ('Which of these requests fail, over and over: fail,fail,pass', Rhythm | None, None),
    'cooldown': ('Seconds after the beginning of a fault in which there is no other', PositiveSeconds | None, None),
    'max_active': ('Most exchanges in which it is at work at the same time, over all links', Count | None, None),
    'client': ('Only clients of this address or network: 10.1.2.3, 10.0.0.0/8', Network | None, None),
    'client_name': (
        'Only clients that give themselves a name like worker-*: a pattern as for match (in parentheses also name)',
        Pattern | None,
        None,
    ),
    'for': ('Seconds after which it is armed no longer (for_ in Python)', PositiveSeconds | None, None),
}
