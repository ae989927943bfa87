"""What a toxic is: a stage of one stream of a link. Chunks come in, chunks go out, each when it is due.

A stage is sans-IO: it is fed chunks and asked what goes on now, or when to ask again. It never sees a socket or a
clock. Times are in seconds, on any clock that only goes forward; attributes are in the units of their help texts.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping
from functools import cached_property
from math import inf
from random import Random
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from vaurien.plugins.options import Configurable
from vaurien.records.histogram import Meter

#: A whole number as the API has it: signed, of 64 bits.
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


#: Seconds. What stays for less was not held: so long it takes to get here from the stage before.
BRIEF = 0.0005


class Ending(enum.Enum):
    """What may follow on the last chunk of a stream."""

    #: The source has ended its stream.
    END = enum.auto()
    #: The link is to be closed.
    CLOSE = enum.auto()
    #: The link is to be reset.
    RESET = enum.auto()


Item = bytes | Ending


class BaseToxic(Configurable):
    """Passes everything at once: the base class of every toxic.

    What a toxic takes are its `options`, called attributes where the API speaks of it. A subclass says in `when` how
    long the first of the chunks that wait stays, or in `emit` what becomes of it.
    """

    #: So many chunks may wait in it before whoever sends has to.
    capacity: ClassVar[int] = 1
    #: Whether a link that it was on is closed when it is removed.
    closes_when_removed: ClassVar[bool] = False

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        name: str = '',
        chance: str = '',
        now: float = 0.0,
        fresh: bool = True,
        meter: Meter | None = None,
    ) -> None:
        """*name*: of the proxy's toxic that this is a stage of; *chance*: what randomness is drawn from; *fresh*: the
        link was opened while the toxic was there; *meter*: what counts the chunks that were held, changed or dropped.
        """
        super().__init__(values)
        self.label = name
        self._chance = chance
        self.fresh = fresh
        self._meter = Meter() if meter is None else meter
        #: Chunks taken out; of the last one, when it arrived, and whether it was counted.
        self._taken = 0
        self._last: tuple[float, Item | None] = (now, None)
        self._is_counted = False
        #: Since when it is on this link.
        self.since = now
        #: Chunks that wait, and when each arrived.
        self.queue: deque[tuple[float, Item]] = deque()
        #: The probability that it is applied to a link, and whether it is to this one; if not, it passes everything.
        self.toxicity = 1.0
        self.applied = True
        #: It was removed, and only passes on what it still has.
        self.retired = False
        #: An end has gone on: nothing may follow on it.
        self.ended = False
        #: When to ask again, if nothing goes on now.
        self.due = inf
        #: When the first one that waits may go; None: it was not asked yet.
        self._head_due: float | None = None

    @cached_property
    def random(self) -> Random:
        """What is left to chance: the same for the same seed, link and toxic."""
        return Random(self._chance)

    @property
    def has_room(self) -> bool:
        """Whether it takes another chunk."""
        return len(self.queue) < self.capacity

    @property
    def is_holding(self) -> bool:
        """Whether anything waits in it."""
        return bool(self.queue)

    def draw(self, now: float) -> None:
        """Decide, by its toxicity, whether it is applied to this link."""
        before, toxicity = self.applied, self.toxicity
        self.applied = toxicity >= 1 or (toxicity > 0 and self.random.random() < toxicity)
        if before and not self.applied:
            for arrived, _ in self.queue:
                if now - arrived >= BRIEF:
                    self._meter.hits += 1
                    self._meter.note_held(now - arrived)
            self.queue.extend([(now, item) for item in self.leave(now)])

    def feed(self, item: Item, now: float) -> None:
        """A chunk, or the end, arrives."""
        self.queue.append((now, item))

    def step(self, now: float) -> Item | None:
        """What goes on now; None: nothing does before it is `due`."""
        self.due = inf
        if not self.applied:
            return self.pop() if self.queue else None
        before = self._taken
        item = self.emit(now)
        self._measure(item, self._taken - before, now)
        return item

    def _measure(self, item: Item | None, taken: int, now: float) -> None:
        """Count the chunks *taken*, but not one that goes on at once as it came, and how long what goes on was held."""
        arrived, last = self._last
        if taken:
            self._is_counted = item != last or now - arrived >= BRIEF
            self._meter.hits += taken - 1 + self._is_counted
        elif item is not None and not self._is_counted:
            self._is_counted = True
            self._meter.hits += 1
        if self._is_counted and item is not None and (item == last or isinstance(item, bytes)):
            self._meter.note_held(now - arrived)

    def emit(self, now: float) -> Item | None:
        """What goes on now; None: nothing, and `due` is when to ask again."""
        if not self.queue:
            return None
        if self._head_due is None:
            self._head_due = self.when(*self.queue[0], now)
        if self._head_due > now:
            self.due = self._head_due
            return None
        return self.pop()

    def when(self, arrived: float, item: Item, now: float) -> float:
        """When the first one that waits may go. Asked once, when it becomes the first, unless it is interrupted."""
        return arrived

    def pop(self) -> Item:
        """Take out the first one that waits."""
        self._head_due = None
        self._last = self.queue.popleft()
        self._taken += 1
        item = self._last[1]
        assert item is not None
        self.ended = self.ended or isinstance(item, Ending)
        return item

    def interrupt(self, now: float) -> None:
        """It changes, or another comes right after it: what is held back goes on at once."""
        if self.queue:
            self._head_due = -inf

    def update(self, values: Mapping[str, Any], now: float) -> None:
        """Its attributes have changed."""
        self.values = values
        self.interrupt(now)

    def retire(self, now: float) -> None:
        """It is removed: what waits goes on at once."""
        self.retired, self.toxicity = True, 0.0
        self.draw(now)

    def leave(self, now: float) -> list[Item]:
        """It is no longer applied: everything that it still has to pass on."""
        items = [item for _, item in self.queue]
        self.queue.clear()
        return items
