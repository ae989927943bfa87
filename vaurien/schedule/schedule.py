"""What a schedule says. Whoever makes one has checked it: see `vaurien.schedule.reading`. Times are in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from vaurien.plugins.units import SECONDS
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import ToxicRule

#: The longest time: a year.
LONGEST = 366 * 86400.0
#: The shortest time for which anything may last: a schedule must not take the event loop for itself.
SHORTEST = 0.01
#: The most steps of a schedule.
MAX_STEPS = 1000

#: From some beginning on.
Moment = Annotated[float, Meta(ge=0, le=LONGEST), SECONDS]
#: From one change to another.
Length = Annotated[float, Meta(ge=SHORTEST, le=LONGEST), SECONDS]

#: What a step has a proxy have: rules that are armed, a toxic, or whether it is enabled.
Fault = tuple[Rule, ...] | ToxicRule | bool

#: The kinds of faults, as `find_slot` names them. A toxic is a slot of its own, by its name.
BEHAVIOR, ENABLED, TOXIC = 'behavior', 'enabled', 'toxic'


class Flap(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that comes and goes. Each time it is there, or is not, for a time between two bounds."""

    up: tuple[float, float]
    down: tuple[float, float]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of a proxy, and when it is there."""

    fault: Fault
    #: None: the only proxy of the process.
    proxy: str | None = None
    #: The mark after which it comes; None: the start of the schedule.
    after: str | None = None
    at: float = 0.0
    #: Each time it comes it is late by so much at most.
    jitter: float = 0.0
    #: How long it is there; None: until the schedule ends.
    length: float | None = None
    every: float | None = None
    #: The first and the last value of attributes of a toxic, and of ``toxicity``.
    ramp: Mapping[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    flap: Flap | None = None

    @property
    def slot(self) -> str:
        """The part of the proxy that the step changes, as `find_slot` names it.

        Of several steps with the same slot, the one that has begun last is in effect.
        """
        return find_slot(self.fault)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Steps, and how long all of it lasts."""

    steps: tuple[Step, ...]
    #: None: until the last step is over.
    length: float | None = None
    #: What chance depends on; None: the seed of the process.
    seed: int | None = None

    @property
    def marks(self) -> list[str]:
        """The marks after which steps come, each once."""
        return list(dict.fromkeys(step.after for step in self.steps if step.after is not None))


def find_slot(fault: Fault) -> str:
    """Return what of a proxy a fault changes: ``behavior``, ``enabled`` or ``toxic NAME``."""
    if isinstance(fault, bool):
        return ENABLED
    return f'{TOXIC} {fault.name}' if isinstance(fault, ToxicRule) else BEHAVIOR
