"""One change of one proxy, and its text."""

from __future__ import annotations

from typing import NamedTuple

from vaurien.rules.behaviors import format_rules
from vaurien.rules.toxics import ToxicRule, format_toxic
from vaurien.schedule.schedule import BEHAVIOR, ENABLED, TOXIC, Fault


class Change(NamedTuple):
    """What of a proxy is changed, and to what."""

    proxy: str
    #: As `find_slot` names it.
    slot: str
    #: None: what was there before.
    value: Fault | None

    def __str__(self) -> str:
        return f'{self.proxy}: {self._describe()}'

    def _describe(self) -> str:
        """Return the change as the fields of a step would say it."""
        if self.value is None:
            return f'{self.slot} as before'
        if isinstance(self.value, bool):
            return f'{ENABLED} {str(self.value).lower()}'
        if isinstance(self.value, ToxicRule):
            return f'{TOXIC} {format_toxic(self.value)}'
        return f'{BEHAVIOR} {format_rules(self.value, in_full=True)}'


class TimedChange(NamedTuple):
    """A change, and when it is made."""

    seconds: float
    change: Change
