"""Which rule an exchange draws: those that are for it share a weighted draw, which a seed repeats."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from hashlib import blake2b
from struct import Struct

from vaurien.rules.rule import Rule

#: Exchanges whose draws come out of one hash.
DRAWS = 8
#: How many requests that nothing is for each link remembers, and the most bytes of each.
REMEMBERED = 64
MEMORABLE = 512

#: Gives the text of a request, and whether those bytes will always have it on their link.
Describe = Callable[[bytes], tuple[str, bool]]

_PLACE = Struct('<QQ')
_BLOCK = Struct(f'<{DRAWS}Q')
_SPAN = 2**64


class Selector:
    """Chooses one behavior per exchange.

    A draw is a pure function of the seed, the link's number and the exchange's number, so it depends neither on timing
    nor on what other links do, and draws can be repeated or skipped freely. What it is a draw among is what is aimed at
    the exchange, in order; what is missing to 100 percent passes untouched.
    """

    def __init__(self, rules: Sequence[Rule], seed: int) -> None:
        self.rules = rules
        self.seed = seed
        self.is_limited = any(rule.is_limited for rule in rules)
        #: Whether it has to know the texts of requests.
        self.reads = any(rule.match is not None for rule in rules)
        self._everything = _Shares(rules)
        #: Tells, by the text of a request in lower case, that nothing is for it; None: it takes every pattern to tell.
        self.screen = _make_screen(rules)
        self._key = blake2b(str(seed).encode(), digest_size=_BLOCK.size)

    def draws(self, link: int) -> Draws:
        """The draws of one link."""
        return Draws(self, link)

    def points(self, link: int, block: int) -> tuple[int, ...]:
        """Uniform 64-bit numbers for `DRAWS` exchanges in a row."""
        key = self._key.copy()
        key.update(_PLACE.pack(link, block))
        return _BLOCK.unpack(key.digest())

    def at(self, point: int) -> Rule | None:
        """What a uniform number stands for where nothing is aimed; None: the exchange passes."""
        return self._everything.at(point)


class Draws:
    """What the exchanges of one link draw. The last block of draws is kept, as exchanges mostly come in a row."""

    __slots__ = ('_block', '_drawn', '_link', '_passing', '_points', '_selector', 'quiet_until', 'reads')

    def __init__(self, selector: Selector, link: int) -> None:
        self._selector = selector
        self._link = link
        self._block = -1
        self._points: tuple[int, ...] = ()
        self._drawn: list[Rule | None] = []
        #: Requests that nothing is for: clients repeat themselves, and this is sooner looked up than found out.
        self._passing: set[bytes] = set()
        self.reads = selector.reads
        #: Exchanges from the one last drawn for up to this one pass, for all that is known: they need not draw.
        self.quiet_until = 0

    def draw(self, exchange: int, request: bytes = b'', describe: Describe | None = None) -> Rule | None:
        """What the *exchange*-th exchange gets; None: it passes.

        If it `reads`, this goes by the text of the *request* as well, for the sake of which *describe* is called.
        """
        if request in self._passing:
            return None
        if self._selector.is_limited:
            return self._draw_limited(exchange, request, describe)
        block, place = divmod(exchange, DRAWS)
        if block != self._block:
            self._drawn = [self._selector.at(point) for point in self._points_of(block)]
            self.quiet_until = 0 if any(self._drawn) else (block + 1) * DRAWS
        return self._drawn[place]

    def _draw_limited(self, exchange: int, request: bytes, describe: Describe | None) -> Rule | None:
        selector = self._selector
        text, lasts = describe(request) if self.reads and describe is not None else ('', True)
        if selector.screen is not None and selector.screen(text.lower()) is None:
            if lasts and len(request) <= MEMORABLE:
                if len(self._passing) >= REMEMBERED:
                    self._passing.clear()
                self._passing.add(request)
            return None
        rules = [rule for rule in selector.rules if rule.is_for(text)]
        if not rules:
            return None
        block, place = divmod(exchange, DRAWS)
        return _Shares(rules).at(self._points_of(block)[place])

    def _points_of(self, block: int) -> tuple[int, ...]:
        if block != self._block:
            self._block = block
            self._points = self._selector.points(self._link, block)
        return self._points


class _Shares:
    """How the 100 percent are shared out: in order, as far as they go."""

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

    def at(self, point: int) -> Rule | None:
        return self._holders[bisect_right(self._bounds, point)]


def _make_screen(rules: Sequence[Rule]) -> Callable[[str], object] | None:
    patterns = [rule.match for rule in rules]
    if not patterns or any(pattern is None or pattern.is_regex for pattern in patterns):
        return None
    return re.compile('|'.join(pattern.translated for pattern in patterns if pattern is not None)).match
