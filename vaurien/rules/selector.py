"""The draw: which rule an exchange gets. The rules that are for it share a weighted draw, which a seed repeats.

The draw is a hash of the seed, the number of the link and the number of the exchange. A generator of random numbers
would depend on the order in which links draw, that is, on timing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence, Set
from functools import partial
from hashlib import blake2b
from struct import Struct

from vaurien.rules.match import fold
from vaurien.rules.rule import PATTERNS, Rule

#: How many exchanges share one hash: BLAKE2b gives up to 64 bytes (RFC 7693), a draw takes 8.
DRAWS = 8
#: How many requests without a rule each link remembers, or all of them together; and the most bytes of each. Clients
#: repeat themselves.
REMEMBERED, REMEMBERED_BY_ALL = 64, 1024
MEMORABLE = 512
#: So many blocks of draws a link looks ahead, at first and at the most: a block takes about a microsecond.
FIRST_AHEAD, LAST_AHEAD = 4, 128

#: Returns the text of a request, and whether the same bytes will always have the same text on their link.
Describe = Callable[[bytes], tuple[str, bool]]

#: How many exchanges pass for certain, however many if it is None; and those requests of them that do, if not all.
Ahead = tuple[int | None, Set[bytes] | None]
UNKNOWN: Ahead = (0, None)
#: The same of any link: who returns for its number how many of its first exchanges pass for certain, if not all.
Foreseen = tuple[Callable[[int], int] | None, Set[bytes] | None]

_PLACES = {1: Struct('<2Q'), 2: Struct('<3Q')}
_BLOCK = Struct(f'<{DRAWS}Q')
_SPAN = 2**64


def undescribed(request: bytes) -> tuple[str, bool]:
    """Return no text: where requests are not read, nobody asks for it."""
    return '', True


class Selector:
    """Chooses a rule, or none, for each exchange.

    A draw is a pure function of the seed, the number of the link and the number of the exchange. So it depends neither
    on timing nor on other links, and draws can be repeated or skipped. The rules that are for an exchange share the 100
    percent in their order. What is missing to 100 percent passes untouched.
    """

    def __init__(self, rules: Sequence[Rule], seed: int, *, is_limited: bool = False, is_alike: bool = False) -> None:
        """*is_limited*: exchanges are counted for each rule, whether a rule needs that or not.

        *is_alike*: the same bytes are the same request on every link.
        """
        self.rules = rules
        self.seed = seed
        self.is_limited = is_limited or any(rule.is_limited for rule in rules)
        #: Whether it needs the names of clients; and whether it needs the requests, for that or for their texts.
        self.names = any('client_name' in rule.limits for rule in rules)
        self.reads = self.names or any(not rule.limits.keys().isdisjoint(PATTERNS) for rule in rules)
        #: Whether it needs the addresses of clients.
        self.has_clients = any('client' in rule.limits for rule in rules)
        #: How exchanges are shared out if no rule is limited.
        self.shares = _Shares(rules)
        #: Returns None for the text of a request, in lower case, that no rule is for. It is one regular expression made
        #: of all patterns. None: the patterns have to be tried one by one.
        self.screen = _make_screen(rules)
        #: Requests that no rule is for, on whichever link they come that has found it out; None: that depends on links.
        self.passing: set[bytes] | None = set() if is_alike else None
        self._key = blake2b(str(seed).encode(), digest_size=_BLOCK.size)

    def serve(self, host: str | None) -> Selector | None:
        """Return a selector with the rules for the client at *host*; None: there are none.

        An exchange of such a link is counted for these rules as it would be among all of them.
        """
        rules = [rule for rule in self.rules if rule.serves(host)]
        return Selector(rules, self.seed, is_limited=self.is_limited) if rules else None

    def draws(self, link: int, *, is_alike: bool = False) -> Draws:
        """Return the draws of one link; *is_alike*: what its requests are called is in their bytes alone."""
        return Draws(self, link, self.passing if is_alike else None)

    def count_quiet(self, link: int) -> int:
        """Return how many of the first exchanges of a link pass for certain; there may be more. No rule is limited."""
        return self.find_drawn(link, 1, 1)[0] - 1  # exchanges count from 1

    def find_drawn(self, link: int, exchange: int, blocks: int) -> tuple[int, bool]:
        """Return the first exchange from that one on that draws a rule, and True; or that behind so many *blocks*.

        No rule is limited.
        """
        first, place = divmod(exchange, DRAWS)
        end = self.shares.end
        for block in range(first, first + blocks):
            points = self.points(link, block)
            if min(points) < end:
                for drawing in range(place, DRAWS):
                    if points[drawing] < end:
                        return block * DRAWS + drawing, True
            place = 0
        return (first + blocks) * DRAWS, False

    @property
    def screens(self) -> bool:
        """Whether links remember requests that they find to pass."""
        return self.screen is not None and not self.names

    @property
    def learns(self) -> bool:
        """Whether links put them into `passing`."""
        return self.passing is not None and self.screens

    def points(self, link: int, *place: int) -> tuple[int, ...]:
        """Return uniform 64-bit numbers: for a block of `DRAWS` exchanges, or for an exchange and a statement of it."""
        key = self._key.copy()
        key.update(_PLACES[len(place)].pack(link, *place))
        return _BLOCK.unpack(key.digest())


class Draws:
    """The draws of one link. The last block of draws is kept, because exchanges mostly come one after the other."""

    __slots__ = (
        '_ahead',
        '_block',
        '_drawn',
        '_link',
        '_passing',
        '_points',
        '_remembered',
        '_selector',
        'names',
        'quiet_until',
        'reads',
    )

    def __init__(self, selector: Selector, link: int, passing: set[bytes] | None = None) -> None:
        """*passing* are the requests that all links know of to pass; None: the link has its own."""
        self._selector = selector
        self._link = link
        #: How many blocks to look ahead.
        self._ahead = FIRST_AHEAD
        self._block = -1
        self._points: tuple[int, ...] = ()
        self._drawn: list[Rule | None] = []
        #: Requests that no rule is for: looking one up is faster than describing it and matching it again.
        self._passing: set[bytes] = set() if passing is None else passing
        self._remembered = REMEMBERED if passing is None else REMEMBERED_BY_ALL
        self.names = selector.names
        self.reads = selector.reads
        #: Exchanges before this one are known to pass, and need not draw.
        self.quiet_until = 0

    def draw(
        self,
        exchange: int,
        request: bytes = b'',
        describe: Describe = undescribed,
        statement: int = 0,
        client_name: str = '',
    ) -> Rule | None:
        """Return the rule that the exchange of that number draws; None: it passes.

        Those that `reads` need the *request*, and *describe* for its text; those that `names`, the *client_name*. Of
        an exchange of several statements, each is drawn for by its number, from 0; the request is that one. Rules
        without a pattern are for the first.
        """
        if request in self._passing:
            return None
        if self._selector.is_limited:
            return self._draw_limited(exchange, request, describe, statement, client_name)
        if statement:
            return None
        block, place = divmod(exchange, DRAWS)
        if block != self._block:
            self._block = block
            self._drawn = self._selector.shares.at(self._selector.points(self._link, block))
            self.quiet_until = 0 if any(self._drawn) else (block + 1) * DRAWS
        return self._drawn[place]

    def look_ahead(self, exchange: int) -> Ahead:
        """Return what is known of the exchanges from that one on. The more have passed, the further it looks."""
        if self._selector.is_limited:
            return (None, self._passing) if self._selector.screens else UNKNOWN
        begin = max(exchange, self.quiet_until)
        until, is_drawn = self._selector.find_drawn(self._link, begin, self._ahead)
        self.quiet_until = until
        self._ahead = FIRST_AHEAD if is_drawn else min(2 * self._ahead, LAST_AHEAD)
        return until - exchange, None

    def _draw_limited(
        self, exchange: int, request: bytes, describe: Describe, statement: int, client_name: str
    ) -> Rule | None:
        selector = self._selector
        text, lasts = describe(request) if self.reads else ('', True)
        if selector.screen is not None and selector.screen(fold(text)) is None:
            if lasts and len(request) <= MEMORABLE:
                if len(self._passing) >= self._remembered:
                    self._passing.clear()
                self._passing.add(request)
            return None
        rules = [rule for rule in selector.rules if rule.is_for(text, statement, client_name)]
        if not rules:
            return None
        if statement:
            return _Shares(rules).at(selector.points(self._link, exchange, statement)[:1])[0]
        block, place = divmod(exchange, DRAWS)
        return _Shares(rules).at(self._points_of(block)[place : place + 1])[0]

    def _points_of(self, block: int) -> tuple[int, ...]:
        if block != self._block:
            self._block = block
            self._points = self._selector.points(self._link, block)
        return self._points


class _Shares:
    """The 100 percent, shared out among rules in their order."""

    __slots__ = ('_bounds', '_holders')

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._bounds: list[int] = []
        self._holders: list[Rule | None] = []
        total = 0.0
        for rule in rules:
            total += rule.percent
            self._bounds.append(round(total / 100 * _SPAN))
            self._holders.append(rule)
        self._holders.append(None)

    @property
    def end(self) -> int:
        """The number from which on no rule is drawn."""
        return self._bounds[-1]

    def at(self, points: Sequence[int]) -> list[Rule | None]:
        return list(map(self._holders.__getitem__, map(partial(bisect_right, self._bounds), points)))


def _make_screen(rules: Sequence[Rule]) -> Callable[[str], object] | None:
    if not rules or any(rule.match is None for rule in rules):
        return None
    patterns = [rule.limits[name] for rule in rules for name in PATTERNS if name in rule.limits]
    if any(pattern.is_regex for pattern in patterns):
        return None
    return re.compile('|'.join(pattern.translated for pattern in patterns)).match
