"""The toxics on one stream of a link: what the stream sends goes through one after the other."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Protocol

from vaurien.clock import Alarm
from vaurien.toxics.base import BaseToxic, Ending, Item


class ChainedStream(Protocol):
    """The part of a stream that its chain needs."""

    @property
    def is_closed(self) -> bool:
        """Whether the link is closed."""

    @property
    def is_writable(self) -> bool:
        """Whether the sink would take more, for all that is known."""

    def deliver(self, item: Item) -> None:
        """Send on what has passed all toxics: bytes, or how the stream ends."""

    def settle(self) -> None:
        """Handle that the chain has more room, or less."""

    def unchain(self) -> None:
        """Go on without a chain: it has no toxics left."""

    def on_toxic_failed(self, toxic: BaseToxic, error: Exception) -> None:
        """Handle an exception that a toxic has raised."""


#: How often the toxics of a chain are asked in one turn. Most answers are a chunk that is sent: a system call.
STEPS = 64

#: The place before the first stage: all of them have been asked.
ALL_ASKED = -1


class Chain:
    """Stands between a stream and its sink. Everything happens in callbacks; there is one alarm at most.

    A toxic is only asked for what it has while there is room behind it, and the source is only read while there is room
    in the first toxic: so a slow toxic holds back whoever sends. A toxic that makes many pieces of a chunk has other
    links wait for a few of them only, because the chain does so much in a turn, and the rest when its next turn comes.
    """

    __slots__ = (
        '_advancing',
        '_alarm',
        '_at',
        '_breaking',
        '_call_at',
        '_call_later',
        '_ending',
        '_has_moved',
        '_is_waiting',
        '_stream',
        'owed',
        'stages',
    )

    def __init__(
        self,
        stream: ChainedStream,
        call_at: Callable[[float, Callable[[], object]], Alarm],
        call_later: Callable[[Callable[[], object]], None],
    ) -> None:
        """*call_at* makes a call at a time of the monotonic clock, *call_later* when others had their turn."""
        self._stream = stream
        self._call_at = call_at
        self._call_later = call_later
        self.stages: list[BaseToxic] = []
        #: Bytes that went in and did not come out: they wait, or were dropped by a toxic.
        self.owed = 0
        self._alarm: Alarm | None = None
        self._advancing = False
        #: Whether it waits for its next turn; the stage to ask first then; and whether to ask all of them once more.
        self._is_waiting = False
        self._at = ALL_ASKED
        self._has_moved = True
        self._ending = False
        self._breaking = False

    @property
    def has_room(self) -> bool:
        """Whether the source may be read."""
        if not self.stages:
            return True
        first = self.stages[0]
        try:
            return first.has_room
        except Exception as error:  # whatever somebody's toxic raises, here as in all that follows
            self._stream.on_toxic_failed(first, error)
            return False

    @property
    def is_ending(self) -> bool:
        """Whether the end of the stream has gone in."""
        return self._ending

    @property
    def is_breaking(self) -> bool:
        """Whether the source has broken off, and the sink will be told when what waits has gone on."""
        return self._breaking

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in it."""
        return not any(map(self._is_holding, self.stages))

    @property
    def is_timed(self) -> bool:
        """Whether a toxic waits for its time, or the chain for its turn: it goes on by itself."""
        return self._alarm is not None or self._is_waiting

    @property
    def is_at_work(self) -> bool:
        """Whether anything waits in it, or a toxic waits for its time."""
        return self._alarm is not None or not self.is_empty

    def send(self, item: Item) -> None:
        """Take a chunk, or the end of the stream. Drop whatever comes after the end."""
        if isinstance(item, bytes):
            self.owed += len(item)
        if self._ending or not item:
            return
        self._ending = isinstance(item, Ending)
        self._feed(0, item, monotonic())
        self.advance()

    def append(self, stage: BaseToxic) -> None:
        """Put one more toxic at the end."""
        self.stages.append(stage)
        if not stage.fresh:  # else the one before it has only just drawn
            self._disturb(len(self.stages) - 2)
        self.advance()

    def remove(self, stage: BaseToxic) -> None:
        """Take a toxic out as soon as what waits in it has gone on."""
        if stage.closes_when_removed:
            self._stream.deliver(Ending.CLOSE)
            return
        self._disturb(self.stages.index(stage) - 1)
        self._tell(stage, stage.retire)
        self.advance()

    def delay_reset(self) -> bool:
        """Reset the link when what waits has gone on; return False if nothing waits, or if it is closed already."""
        if self._breaking or self.is_empty:
            return self._breaking
        self._breaking = self._ending = True
        self._feed(0, Ending.BREAK, monotonic())
        self.advance()
        return not self._stream.is_closed

    def stop(self) -> None:
        """Never call back again."""
        self._ending = True
        for stage in self.stages:
            self._tell(stage, stage.abandon)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def advance(self) -> None:
        """Move on whatever may go, as far as there is room; but not for long."""
        if self._advancing or self._stream.is_closed:
            return
        if self._is_waiting:
            self._has_moved = True  # or may: whatever has changed
        else:
            self._advancing = True
            try:
                self._move()
            finally:
                self._advancing = False
        if not self._stream.is_closed:
            self._prune()
            if not self._is_waiting:
                self._set_alarm()
            self._stream.settle()

    def _on_turn(self) -> None:
        self._is_waiting = False
        self.advance()

    def _move(self) -> None:
        """Ask the stages for what leaves them, `STEPS` times at most. Another turn goes on where this one has stopped.

        The last one is asked first: what leaves it makes room for the one before. When all have nothing, it is done.
        """
        now, last = monotonic(), len(self.stages) - 1
        i, moved = min(self._at, last), self._has_moved and last >= 0
        self._at, self._has_moved = ALL_ASKED, True
        for _ in range(STEPS):
            if i < 0:
                if not moved:
                    return
                i, moved = last, False
            if self._has_room_behind(i) and (item := self._step(self.stages[i], now)) is not None:
                moved = moved or i < last  # the one behind it has been asked, and has something now
                self._feed(i + 1, item, now)
            else:
                i -= 1
            if self._stream.is_closed:
                return
        self._at, self._has_moved, self._is_waiting = i, moved, True
        self._call_later(self._on_turn)

    def _disturb(self, i: int) -> None:
        """Tell the toxic at *i* that what comes after it changes."""
        if i >= 0:
            stage = self.stages[i]
            self._tell(stage, stage.interrupt)
            self._tell(stage, stage.draw)

    def _prune(self) -> None:
        if any(stage.retired for stage in self.stages):
            self.stages = [stage for stage in self.stages if not stage.retired or self._is_holding(stage)]
            if not self.stages:
                self._stream.unchain()

    # What the toxics are asked. One that raises an exception closes the link.

    def _feed(self, i: int, item: Item, now: float) -> None:
        """Give the toxic at *i* the *item*; if there is none, it has passed all."""
        if i == len(self.stages):
            self._deliver(item)
            return
        stage = self.stages[i]
        try:
            stage.feed(item, now)
        except Exception as error:
            self._stream.on_toxic_failed(stage, error)

    def _step(self, stage: BaseToxic, now: float) -> Item | None:
        try:
            return None if self._stream.is_closed else stage.step(now)
        except Exception as error:
            self._stream.on_toxic_failed(stage, error)
            return None

    def _has_room_behind(self, i: int) -> bool:
        if i + 1 == len(self.stages):
            return self._stream.is_writable
        stage = self.stages[i + 1]
        try:
            return stage.has_room
        except Exception as error:
            self._stream.on_toxic_failed(stage, error)
            return False

    def _is_holding(self, stage: BaseToxic) -> bool:
        try:
            return stage.is_holding
        except Exception as error:
            self._stream.on_toxic_failed(stage, error)
            return True

    def _tell(self, stage: BaseToxic, hook: Callable[[float], object]) -> None:
        try:
            hook(monotonic())
        except Exception as error:
            self._stream.on_toxic_failed(stage, error)

    def _deliver(self, item: Item) -> None:
        if isinstance(item, bytes):
            self.owed -= len(item)
        elif item is Ending.END and self._breaking:  # the reset comes right behind, and the sink takes no more
            item = Ending.BREAK
        self._stream.deliver(item)

    def _set_alarm(self) -> None:
        due = min((stage.next_step for i, stage in enumerate(self.stages) if self._has_room_behind(i)), default=inf)
        alarm = self._alarm
        if alarm is not None:
            if alarm.deadline <= due < inf:
                return
            alarm.cancel()
            self._alarm = None
        if due < inf and not self._stream.is_closed:
            self._alarm = self._call_at(due, self._on_due)

    def _on_due(self) -> None:
        self._alarm = None
        self.advance()
