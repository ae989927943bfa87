"""The toxics on one stream of a link: what it sends goes through one after the other."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from vaurien.toxics.base import Ending

if TYPE_CHECKING:
    from vaurien.clock import Alarm
    from vaurien.engine.stream import Stream
    from vaurien.toxics.base import BaseToxic, Item


class Chain:
    """Stands between a stream and its sink. Everything happens in callbacks; there is one alarm at most.

    A stage is only asked for what it has while there is room behind it, and the source is only read while there is room
    in the first stage: a slow one holds back whoever sends.
    """

    __slots__ = ('_advancing', '_alarm', '_ending', '_resetting', 'owed', 'stages', 'stream')

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.stages: list[BaseToxic] = []
        #: Bytes that went in and did not come out: they wait, or are gone.
        self.owed = 0
        self._alarm: Alarm | None = None
        self._advancing = False
        self._ending = False
        self._resetting = False

    @property
    def has_room(self) -> bool:
        """Whether the source may be read."""
        return not self.stages or self.stages[0].has_room

    @property
    def is_ending(self) -> bool:
        """Whether it has the end of the stream, or passed it on."""
        return self._ending

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in it."""
        return not any(stage.is_holding for stage in self.stages)

    def send(self, item: Item) -> None:
        """Take a chunk, or the end of the stream; nothing after that."""
        if isinstance(item, bytes):
            self.owed += len(item)
        if self._ending or not item:
            return
        self._ending = isinstance(item, Ending)
        self.stages[0].feed(item, monotonic())
        self.advance()

    def append(self, stage: BaseToxic) -> None:
        """Put one more toxic at the end."""
        self.stages.append(stage)
        if not stage.fresh:  # else the one before it has only just drawn
            self._disturb(len(self.stages) - 2)
        self.advance()

    def remove(self, stage: BaseToxic) -> None:
        """Take a toxic out, as soon as what waits in it has gone on."""
        if stage.closes_when_removed:
            self.stream.link.close()
            return
        self._disturb(self.stages.index(stage) - 1)
        stage.retire(monotonic())
        self.advance()

    def delay_reset(self) -> bool:
        """Reset the link when what waits has gone on; whether there is any need."""
        if self._resetting or self.is_empty:
            return self._resetting
        self._resetting = self._ending = True
        self.stages[0].feed(Ending.RESET, monotonic())
        self.advance()
        return True

    def stop(self) -> None:
        """Never call back again."""
        self._ending = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def advance(self) -> None:
        """Move on whatever is due, as far as there is room."""
        if self._advancing or self.stream.link.closed:
            return
        self._advancing = True
        self._move()
        self._advancing = False
        if not self.stream.link.closed:
            self._prune()
            self._set_alarm()
            self.stream.settle()

    def _move(self) -> None:
        now, moved = monotonic(), bool(self.stages)
        while moved:
            moved = False
            for i in range(len(self.stages) - 1, -1, -1):
                while self._has_room_behind(i) and (item := self._step(self.stages[i], now)) is not None:
                    moved = True
                    if i + 1 < len(self.stages):
                        self.stages[i + 1].feed(item, now)
                    else:
                        self._deliver(item)
                if self.stream.link.closed:
                    return

    def _step(self, stage: BaseToxic, now: float) -> Item | None:
        link = self.stream.link
        try:
            return None if link.closed else stage.step(now)
        except Exception as error:  # whatever somebody's toxic raises
            link.proxy.warn_failed(stage, error)
            link.reset()
            return None

    def _disturb(self, i: int) -> None:
        """What comes after this stage changes."""
        if i >= 0:
            now = monotonic()
            self.stages[i].interrupt(now)
            self.stages[i].draw(now)

    def _prune(self) -> None:
        if any(stage.retired for stage in self.stages):
            self.stages = [stage for stage in self.stages if stage.is_holding or not stage.retired]
            if not self.stages:
                self.stream.unchain()

    def _has_room_behind(self, i: int) -> bool:
        if i + 1 < len(self.stages):
            return self.stages[i + 1].has_room
        return self.stream.is_writable

    def _deliver(self, item: Item) -> None:
        stream = self.stream
        if item is Ending.END:
            stream.finish()
            if self._resetting:  # which comes right behind, and would wait for a sink that takes no more
                stream.link.reset()
        elif item is Ending.CLOSE:
            stream.link.close()
        elif item is Ending.RESET:
            stream.link.reset()
        else:
            self.owed -= len(item)
            stream.send(item, past_toxics=True)

    def _set_alarm(self) -> None:
        due = min((stage.next_step for i, stage in enumerate(self.stages) if self._has_room_behind(i)), default=inf)
        alarm = self._alarm
        if alarm is not None:
            if alarm.deadline <= due < inf:
                return
            alarm.cancel()
            self._alarm = None
        if due < inf:
            self._alarm = self.stream.link.proxy.call_at(due, self._on_due)

    def _on_due(self) -> None:
        self._alarm = None
        self.advance()
