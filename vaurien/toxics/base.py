"""The base class of toxics: a stage of one stream of a link, which chunks enter and leave.

A stage is sans-IO. It is fed chunks, and asked what leaves now or when to ask again; it never sees a socket or a clock.
Times are in seconds, on any clock that never goes back. Attributes are in the units that their help texts give.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property
from math import inf
from random import Random
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from vaurien.plugins.options import Configurable
from vaurien.plugins.units import BYTES, KILOBYTES_PER_SECOND, MICROSECONDS, MILLISECONDS
from vaurien.records.histogram import Histogram

#: A whole number as Toxiproxy's API has it: signed, of 64 bits.
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Bytes = Annotated[Int64, BYTES]
Microseconds = Annotated[Int64, MICROSECONDS]
Milliseconds = Annotated[Int64, MILLISECONDS]
Rate = Annotated[Int64, KILOBYTES_PER_SECOND]

#: Whose stages share something, if a toxic has the option ``shared``.
Scope = Literal['link', 'proxy', 'process']

#: A chunk that stays for less, in seconds, does not count as held: the way from the stage before may take as long.
BRIEF = 0.0005


class Ending(enum.Enum):
    """What may follow the last chunk of a stream."""

    #: The source has ended its stream.
    END = enum.auto()
    #: The source has broken off: its peer has reset the connection.
    BREAK = enum.auto()
    #: A toxic has the sink closed, and then the link.
    CLOSE = enum.auto()
    #: A toxic has the sink reset, and then the link.
    RESET = enum.auto()


Item = bytes | Ending


class BaseToxic(Configurable):
    """The base class of every toxic. It passes everything at once.

    The options of a toxic are what the API calls its attributes. A subclass overrides `release_time` to delay what
    waits, or `emit` to change it.
    """

    #: How many chunks may wait in it. Beyond that the sender has to wait.
    capacity: ClassVar[int] = 1
    #: Makes what its stages share if its option ``shared``, a `Scope`, says with whom. Several threads may use it.
    make_shared: ClassVar[Callable[[], Any]] = SimpleNamespace
    #: Whether the links that it was on are closed when it is removed.
    closes_when_removed: ClassVar[bool] = False
    #: Whether, upstream, it acts on links whose backend cannot be reached: nothing of what the client sends goes on.
    needs_no_backend: ClassVar[bool] = False

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        name: str = '',
        seed: str = '',
        now: float = 0.0,
        fresh: bool = True,
        histogram: Histogram | None = None,
        shared: Any = None,
    ) -> None:
        """Create a stage of the toxic *name* of a proxy.

        *seed* seeds its random numbers. *fresh* means that the link was opened after the toxic was added. *histogram*
        counts the chunks that are held, changed or dropped. *shared* is what `make_shared` has made for this stage and
        others of the same toxic.
        """
        super().__init__(values)
        self.label = name
        self.shared = shared
        self.fresh = fresh
        #: The time since which it is on this link.
        self.since = now
        #: The probability that it applies to a link, and whether it applies to this one. If not, it passes everything.
        self.toxicity = 1.0
        self.applied = True
        #: Whether it was removed. Then it only passes on what it still holds.
        self.retired = False
        #: Whether an `Ending` has left. Nothing may follow it.
        self.ended = False
        #: When to call `step` again, if nothing leaves now.
        self.next_step = inf
        #: What waits, each with the time of its arrival.
        self.queue: deque[tuple[float, Item]] = deque()
        #: The time at which the first of them may leave, or None if `release_time` was not asked yet.
        self._head_release: float | None = None
        self._seed = seed
        self._histogram = Histogram() if histogram is None else histogram
        #: How many were taken from the queue; the last of them, with its arrival, and whether it was counted.
        self._taken = 0
        self._last: tuple[float, Item | None] = (now, None)
        self._is_counted = False

    @cached_property
    def random(self) -> Random:
        """The random numbers of this stage: the same for the same seed of the proxy, link and name."""
        return Random(self._seed)

    @property
    def has_room(self) -> bool:
        """Whether it takes another chunk."""
        return len(self.queue) < self.capacity

    @property
    def is_holding(self) -> bool:
        """Whether anything is left in it that will leave."""
        return bool(self.queue)

    def draw(self, now: float) -> None:
        """Decide, by its toxicity, whether it applies to this link."""
        before, toxicity = self.applied, self.toxicity
        self.applied = toxicity >= 1 or (toxicity > 0 and self.random.random() < toxicity)
        if before and not self.applied:
            for arrived, _ in self.queue:
                if now - arrived >= BRIEF:
                    self._histogram.count_hits()
                    self._histogram.add(now - arrived)
            self.queue.extend([(now, item) for item in self.leave(now)])

    def feed(self, item: Item, now: float) -> None:
        """Take a chunk, or the end of the stream."""
        self.queue.append((now, item))

    def step(self, now: float) -> Item | None:
        """Return what leaves now, or None if nothing leaves before `next_step`."""
        self.next_step = inf
        if not self.applied:
            return self.pop() if self.queue else None
        before = self._taken
        item = self.emit(now)
        self._measure(item, self._taken - before, now)
        return item

    def _measure(self, item: Item | None, taken: int, now: float) -> None:
        """Count the chunks *taken* and how long *item* was held. A chunk that leaves unchanged at once is not counted.

        One chunk may leave in several pieces, and several may be taken, as by `PacketLoss`, before one leaves.
        """
        arrived, last = self._last
        if taken:
            self._is_counted = item != last or now - arrived >= BRIEF
            self._histogram.count_hits(taken - 1 + self._is_counted)
        elif item is not None and not self._is_counted:
            self._is_counted = True
            self._histogram.count_hits()
        if self._is_counted and item is not None and (item == last or isinstance(item, bytes)):
            self._histogram.add(now - arrived)

    def emit(self, now: float) -> Item | None:
        """Return what leaves now. If nothing does, return None and set `next_step`."""
        if not self.queue:
            return None
        if self._head_release is None:
            self._head_release = self.release_time(*self.queue[0], now)
        if self._head_release > now:
            self.next_step = self._head_release
            return None
        return self.pop()

    def release_time(self, arrived: float, item: Item, now: float) -> float:
        """Return the time at which the first in the queue may leave.

        It is called when *item* becomes the first, and again only if `interrupt` forgets the answer.
        """
        return arrived

    def pop(self) -> Item:
        """Take the first out of the queue."""
        self._head_release = None
        self._last = self.queue.popleft()
        self._taken += 1
        item = self._last[1]
        assert item is not None
        self.ended = self.ended or isinstance(item, Ending)
        return item

    def interrupt(self, now: float) -> None:
        """Release what it holds, because its attributes or the stage behind it have changed."""
        if self.queue:
            self._head_release = -inf

    def update(self, values: Mapping[str, Any], now: float, shared: Any = None) -> None:
        """Take other attributes, and what is shared under these."""
        self.interrupt(now)
        self.values, self.shared = values, shared

    def retire(self, now: float) -> None:
        """Stop applying to the link, for good: what waits leaves at once."""
        self.retired = True
        self.set_toxicity(0.0, now)

    def set_toxicity(self, toxicity: float, now: float) -> None:
        """Set the probability that it applies to a link, and decide anew for this one."""
        self.toxicity = toxicity
        self.draw(now)

    def abandon(self, now: float) -> None:
        """Handle that the link is closed: what waits goes nowhere."""

    def leave(self, now: float) -> list[Item]:
        """Return everything that is still to pass on, because it no longer applies to the link."""
        items = [item for _, item in self.queue]
        self.queue.clear()
        return items
