"""A wire with a limited rate, on which whoever sends at the same time has an equal part. Its time is an argument."""

from __future__ import annotations

from math import inf

from vaurien.console.patching import get_unpatched

#: Milliseconds between two pieces of one sender, if it has more to send than passes meanwhile.
INTERVAL = 100


class Wire:
    """Pieces pass one after the other. Nobody is called: each sender is told when its piece has passed.

    A sender has one piece on it at a time, and the next one goes behind those of all others: so they take turns. As
    pieces are the shorter the more senders there are, each has its turn within `INTERVAL`. Senders may be on several
    threads.
    """

    def __init__(self) -> None:
        # Other threads may hold it, for a moment; greenlets do not, for none is switched to meanwhile.
        self._lock = get_unpatched('_thread', 'allocate_lock')()
        #: When all pieces that are on it have passed.
        self._free = -inf
        #: From when to when the piece of each sender passes.
        self._passing: dict[object, tuple[float, float]] = {}

    def enter(self, sender: object, ready: float, size: int, rate: int, now: float) -> tuple[int, float]:
        """Take the next piece of *size* bytes, which are *ready* since then; return its size and when it has passed.

        *rate* is in bytes per millisecond. What others have missed in a pause, as of a busy machine, is not all left to
        who comes first after it.
        """
        with self._lock:
            piece = min(size, max(1, rate * INTERVAL // (len(self._passing) + 1)))
            begin = max(ready, self._free, now - INTERVAL / 1000 if self._passing else -inf)
            self._free = begin + piece / (rate * 1000)
            self._passing[sender] = begin, self._free
            return piece, self._free

    def leave(self, sender: object, now: float) -> None:
        """Give up the piece of *sender*, if there is one: what of it has not passed by *now* leaves room for others."""
        with self._lock:
            begin, end = self._passing.pop(sender, (now, now))
            self._free -= max(0.0, end - max(begin, now))


class Sender:
    """One who sends on a wire, piece by piece: on one of its own, or on one that others send on, too."""

    def __init__(self) -> None:
        self._wire = self._own = Wire()
        #: The size of the piece that is on the wire, 0 if there is none, and when it has passed.
        self._size = 0
        self.due = -inf
        #: How many bytes have passed that were not asked for yet.
        self._passed = 0
        #: Since when the next piece is ready: it has arrived, and the one before it has passed.
        self._ready = -inf

    def begin(self, arrived: float) -> None:
        """Begin to send what has *arrived* then."""
        self._ready = max(arrived, self._ready)

    def send(self, shared: Wire | None, size: int, waiting: int, rate: int, now: float) -> int:
        """Return how much of *size* bytes has passed since the last call; 0: ask again when it is `due`.

        *waiting* is how many bytes behind these may share their turn. *rate* is in bytes per millisecond.
        """
        if not (self._passed or self._size):
            self._wire = self._own if shared is None else shared
            self._size, self.due = self._wire.enter(self, self._ready, size + waiting, rate, now)
        if not self._passed and self.due <= now:
            passed = self._size
            self.leave(self.due)
            self._passed = passed
        part = min(size, self._passed)
        self._passed -= part
        return part

    def leave(self, now: float) -> None:
        """Take off the wire what has not passed yet; more may pass from *now* on."""
        self._wire.leave(self, now)
        self._size, self._passed, self._ready = 0, 0, now
