"""The changes that follow from a schedule, one after the other: pure, and the same for the same seed.

Of the steps that change the same thing of a proxy, the one that has begun last lies over the others. When it is over,
the one below it comes to light. At one moment, what is over goes first, and what begins then comes in the order of the
file. What changes nothing in the end is no change.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from itertools import count
from random import Random

import msgspec

from vaurien.rules.toxics import ToxicRule
from vaurien.schedule.change import Change, TimedChange
from vaurien.schedule.schedule import Fault, Schedule, Step

#: A ramp is made of so many small steps, or of fewer that are as far apart as this, in seconds.
RAMP_STEPS = 100
RAMP_INTERVAL = 0.1

#: Digits behind the point of seconds, and of values on a ramp: 0.1 + 0.2 is the same moment as 0.3.
DIGITS = 6


class Gap(Enum):
    """What may come in place of a fault."""

    #: What lies below it comes to light, but the step goes on.
    CLEAR = auto()
    #: The step is over, at least for this time.
    OVER = auto()


Phase = Fault | Gap
Slot = tuple[str, str]
#: When, whether something begins (it ends before that), the index of the step, a serial number, and what comes then.
Event = tuple[float, bool, int, int, Phase, Iterator[tuple[float, Phase]]]


class Timeline:
    """The changes of a schedule whose steps have their proxies. Seconds are counted from its start."""

    def __init__(self, schedule: Schedule, seed: int) -> None:
        """Wait for the start, which is `mark` with None. *seed* is for a schedule that has none of its own."""
        self._schedule = schedule
        self._seed = schedule.seed if schedule.seed is not None else seed
        self._slots: list[Slot] = [(step.proxy or '', step.slot) for step in schedule.steps]
        #: By slot, the steps that are there with what they show, the one that has begun last at the end.
        self._layers: defaultdict[Slot, dict[int, Phase]] = defaultdict(dict)
        self._events: list[Event] = []
        self._numbers = count()
        #: How often each step was begun by a mark.
        self._begun = Counter[int]()
        self._is_cut = False

    @property
    def due(self) -> float | None:
        """When something may change next; None: never, unless a mark is set."""
        if self._is_cut:
            return None
        times = [event[0] for event in self._events[:1]]
        return min([*times, *([] if self._schedule.length is None else [self._schedule.length])], default=None)

    @property
    def next(self) -> tuple[float, int, Change] | None:
        """What a step does next: when, the index of the step, and the change."""
        if not self._events:
            return None
        seconds, _, index, _, phase, _ = self._events[0]
        return seconds, index, Change(*self._slots[index], _see(phase))

    @property
    def active(self) -> list[int]:
        """The indices of the steps that are there."""
        return sorted(index for layers in self._layers.values() for index in layers)

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more, nothing is there, and no mark can change that."""
        return self._is_cut or not (self._events or self.active or self._schedule.marks)

    def mark(self, name: str | None, seconds: float) -> list[TimedChange]:
        """Begin the steps after a mark, which is set at *seconds*; return the changes of that moment.

        Steps that it has begun before are over. None is the start. Take what was due before the mark with `advance`.
        """
        before: dict[Slot, Fault | None] = {}
        chosen = [index for index, step in enumerate(self._schedule.steps) if step.after == name]
        self._events = [event for event in self._events if event[2] not in chosen]
        heapify(self._events)
        for index in chosen:
            before.setdefault(self._slots[index], self._top(self._slots[index]))
            self._layers[self._slots[index]].pop(index, None)
            random = Random(f'{self._seed}/{index}/{self._begun[index]}')
            self._begun[index] += 1
            self._push(index, _iterate(self._schedule.steps[index], seconds, random))
        return self._take(seconds, before)

    def advance(self, seconds: float) -> Iterator[TimedChange]:
        """Yield the changes up to *seconds*, in their order."""
        while (due := self.due) is not None and due <= seconds:
            yield from self._take(due, {})

    def _take(self, seconds: float, before: dict[Slot, Fault | None]) -> list[TimedChange]:
        """Let happen what is due at *seconds*, and return what differs from *before*, for slots that are there."""
        length = self._schedule.length
        if length is not None and seconds >= length:
            before = {slot: self._top(slot) for slot in self._layers} | before
            self._is_cut = True
            self._layers.clear()
            self._events.clear()
        while self._events and self._events[0][0] <= seconds:
            _, _, index, _, phase, rest = heappop(self._events)
            slot = self._slots[index]
            before.setdefault(slot, self._top(slot))
            self._push(index, rest)
            if phase is Gap.OVER:
                self._layers[slot].pop(index, None)
            else:
                self._layers[slot][index] = phase  # in its old place, if it has one
        tops = [(slot, self._top(slot)) for slot, top in before.items() if self._top(slot) != top]
        return [TimedChange(seconds, Change(*slot, top)) for slot, top in tops]

    def _top(self, slot: Slot) -> Fault | None:
        seen = [fault for phase in self._layers[slot].values() if (fault := _see(phase)) is not None]
        return seen[-1] if seen else None

    def _push(self, index: int, phases: Iterator[tuple[float, Phase]]) -> None:
        for seconds, phase in phases:
            event = (round(seconds, DIGITS), phase is not Gap.OVER, index, next(self._numbers), phase, phases)
            heappush(self._events, event)
            return


def _see(phase: Phase) -> Fault | None:
    return None if isinstance(phase, Gap) else phase


def _iterate(step: Step, origin: float, random: Random) -> Iterator[tuple[float, Phase]]:
    """Yield what a step has there, and from when on."""
    for number in count():
        begin = origin + step.at + number * (step.every or 0.0) + random.uniform(0, step.jitter)
        end = None if step.length is None else begin + step.length
        yield from _flap(step, begin, end, random) if step.flap is not None else _climb(step, begin)
        if end is not None:
            yield end, Gap.OVER
        if step.every is None:
            return


def _flap(step: Step, begin: float, end: float | None, random: Random) -> Iterator[tuple[float, Phase]]:
    assert step.flap is not None
    while end is None or begin < end:
        yield begin, step.fault
        begin += random.uniform(*step.flap.down)
        if end is not None and begin >= end:
            return
        yield begin, Gap.CLEAR
        begin += random.uniform(*step.flap.up)


def _climb(step: Step, begin: float) -> Iterator[tuple[float, Phase]]:
    """Yield the fault; with a ramp, first as it is at its beginning and then bit by bit up to its end."""
    if not (step.ramp and isinstance(step.fault, ToxicRule) and step.length is not None):
        yield begin, step.fault
        return
    steps = max(2, min(RAMP_STEPS, int(step.length / RAMP_INTERVAL)))
    for i in range(steps):
        values = {name: _interpolate(first, last, i / (steps - 1)) for name, (first, last) in step.ramp.items()}
        toxicity = values.pop('toxicity', step.fault.toxicity)
        attributes = {**step.fault.attributes, **values}
        yield (
            begin + i * step.length / steps,
            msgspec.structs.replace(step.fault, attributes=attributes, toxicity=toxicity),
        )


def _interpolate(first: float, last: float, share: float) -> float:
    """Return the value at that *share* of the way, whole between whole numbers."""
    value = first + (last - first) * share
    return round(value) if isinstance(first, int) and isinstance(last, int) else round(value, DIGITS)
