"""Which behavior an exchange gets: a weighted draw that a seed repeats."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaurien.behaviors.dummy import Dummy

#: Exchanges whose draws come out of one hash.
DRAWS = 8

_PLACE = Struct('<QQ')
_BLOCK = Struct(f'<{DRAWS}Q')
_SPAN = 2**64


class Selector:
    """Draws one behavior per exchange, by weight.

    A draw is a pure function of the seed, the link's number and the exchange's number, so it depends neither on timing
    nor on what other links do, and draws can be repeated or skipped freely.
    """

    def __init__(self, behaviors: Sequence[tuple[float, Dummy]], seed: int) -> None:
        """*behaviors*: percent and behavior, in order; what is missing to 100 percent passes untouched."""
        self.seed = seed
        self._key = blake2b(str(seed).encode(), digest_size=_BLOCK.size)
        self._bounds: list[int] = []
        self._drawn: list[Dummy | None] = []
        total = 0.0
        for percent, behavior in behaviors:
            total += percent
            self._bounds.append(round(total / 100 * _SPAN))
            self._drawn.append(None if behavior.name == 'dummy' else behavior)
        self._drawn.append(None)

    def draws(self, link: int) -> Draws:
        """The draws of one link."""
        return Draws(self, link)

    def points(self, link: int, block: int) -> tuple[int, ...]:
        """Uniform 64-bit numbers for `DRAWS` exchanges in a row."""
        key = self._key.copy()
        key.update(_PLACE.pack(link, block))
        return _BLOCK.unpack(key.digest())

    def at(self, point: int) -> Dummy | None:
        """The behavior that a uniform number stands for; None: the exchange passes."""
        return self._drawn[bisect_right(self._bounds, point)]


class Draws:
    """What the exchanges of one link draw. The last block of draws is kept, as exchanges mostly come in a row."""

    __slots__ = ('_block', '_drawn', '_link', '_selector', 'quiet_until')

    def __init__(self, selector: Selector, link: int) -> None:
        self._selector = selector
        self._link = link
        self._block = -1
        self._drawn: list[Dummy | None] = []
        #: Exchanges from the one last drawn for up to this one pass, for all that is known: they need not draw.
        self.quiet_until = 0

    def draw(self, exchange: int) -> Dummy | None:
        """The behavior of the *exchange*-th exchange; None: it passes."""
        block, place = divmod(exchange, DRAWS)
        if block != self._block:
            self._block = block
            self._drawn = [self._selector.at(point) for point in self._selector.points(self._link, block)]
            self.quiet_until = 0 if any(self._drawn) else (block + 1) * DRAWS
        return self._drawn[place]
