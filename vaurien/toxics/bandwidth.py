"""A narrow wire: so many bytes a second pass, and the sender waits when it sends more.

sent       abcdef
received   ab  cd  ef
"""

from __future__ import annotations

from functools import cached_property

from vaurien.plugins.wire import Sender, Wire
from vaurien.toxics.base import BaseToxic, Ending, Item, Rate, Scope


class Bandwidth(BaseToxic):
    """Limits the rate of the stream, or that of the same stream of all links together."""

    name = 'bandwidth'
    options = {
        'rate': ('Limit in 1000 bytes per second; 0 stops all data, a negative value is no limit', Rate, 0),
        'shared': ('Who has it together: all links of a proxy or of the process (none: link)', Scope | None, None),
    }
    make_shared = Wire
    #: What one turn of the event loop reads has to last until the next turn.
    capacity = 8
    #: What is left of the chunk that is passing.
    _rest = b''
    _rushed = False

    @cached_property
    def _sender(self) -> Sender:
        return Sender()

    @property
    def is_holding(self) -> bool:
        """Whether a chunk is passing, or waits to pass."""
        return bool(self._rest) or super().is_holding

    def emit(self, now: float) -> Item | None:
        """Return the next piece, when the time that it takes has passed."""
        rate, item = self.option('rate'), self._rest or (self.queue[0][1] if self.queue else b'')
        if not item or (rate == 0 and not (self._rushed or isinstance(item, Ending))):
            return None
        if not self._rest:
            arrived, item = self.queue[0]
            self.pop()
            if isinstance(item, Ending) or rate < 0:
                return item
            self._rest = item
            self._sender.begin(arrived)
        passed = len(self._rest)
        if not self._rushed:
            # What waits behind it shares its turn: else whoever sends small chunks would have less than others.
            waiting = 0 if self.shared is None else sum(len(item) for _, item in self.queue if isinstance(item, bytes))
            passed = self._sender.send(self.shared, passed, waiting, rate, now)
        if not passed:
            self.next_step = self._sender.due
            return None
        piece, self._rest, self._rushed = self._rest[:passed], self._rest[passed:], False
        return piece

    def interrupt(self, now: float) -> None:
        """Release the rest of the chunk that is passing, in one piece."""
        self._rushed = bool(self._rest)
        self.abandon(now)

    def abandon(self, now: float) -> None:
        """Leave the wire to others."""
        self._sender.leave(now)

    def leave(self, now: float) -> list[Item]:
        """Return that rest, then what waits."""
        self.abandon(now)
        rest: list[Item] = [self._rest] if self._rest else []
        self._rest, self._rushed = b'', False
        return rest + super().leave(now)
