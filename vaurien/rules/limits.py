"""The limits of a rule: for which requests it is, how often, and for how long."""

from __future__ import annotations

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


#: These limits, declared as the options that every behavior has.
LIMITS: dict[str, Option] = {
    'match': ('Only requests with a text like GET /orders* (in any case), or like /regex/', Pattern | None, None),
    'nth': ('Only some of these requests: 3, 1-2, 5+, every 10', Ordinals | None, None),
    'times': ('Number of faults after which it retires', Count | None, None),
    'once': ('It sleeps until a request like this was seen on any link: a pattern as for match', Pattern | None, None),
    'sequence': ('Which of these requests fail, over and over: fail,fail,pass', Rhythm | None, None),
    'cooldown': ('Seconds after the beginning of a fault in which there is no other', PositiveSeconds | None, None),
    'max_active': ('Most exchanges in which it is at work at the same time, over all links', Count | None, None),
    'for': ('Seconds after which it is armed no longer (for_ in Python)', PositiveSeconds | None, None),
}
