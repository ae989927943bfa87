"""What the workers have counted and remembered of a proxy, added up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from operator import attrgetter

from vaurien.clock import no_pause
from vaurien.records.counters import Counters
from vaurien.records.counts import Arrived, Counts
from vaurien.records.fault_log import KEPT, FaultLog
from vaurien.records.faults import Fault
from vaurien.records.histogram import Histogram
from vaurien.records.observer import Observer
from vaurien.workers.report import Report


class SharedCounters(Counters):
    """The sums of what the workers have counted. Nothing is counted here."""

    on_fault = Observer.on_fault
    on_fault_over = Observer.on_fault_over
    on_closed = Observer.on_closed

    def __init__(self, add_up: Callable[[], Report], forget: Callable[[str], object]) -> None:
        """*add_up* asks the workers; *forget* is told of a toxic that is removed."""
        super().__init__({})
        self._add_up = add_up
        self._forget = forget

    def counts(self, pause: Callable[[], object] = no_pause) -> Counts:
        """Return the counts of all links together; from then on, all else is as new."""
        total = self._add_up()
        self.connect_failures = total.connect_failures
        self.tls_failures = Counter(total.tls_failures)
        self.histograms = defaultdict(Histogram, total.histograms)
        return total.counts

    def count_arrived(self, pause: Callable[[], object] = no_pause) -> Arrived:
        """Return what has arrived on all links together."""
        counts = self.counts(pause)
        return Arrived(counts.exchanges, counts.upstream_received, counts.downstream_received)

    def forget_toxic(self, name: str) -> None:
        """Forget the histogram of a toxic that is removed."""
        super().forget_toxic(name)
        self._forget(name)


class SharedFaults(FaultLog):
    """The last faults in all workers, and in those times when the proxy was in others. It is not told of new ones."""

    on_fault = Observer.on_fault

    def __init__(
        self, find: Callable[[], Sequence[Fault]], gather: Callable[[], object], clear: Callable[[], object]
    ) -> None:
        """*find* asks the workers, *gather* has them give what is new to `await_taker`, *clear* has them forget."""
        super().__init__()
        self._find = find
        self._gather = gather
        self._clear = clear

    def keep(self, faults: Sequence[Fault]) -> None:
        """Keep the last *faults* of workers that have the proxy no more."""
        self._kept.extend(faults)

    def await_taker(self, faults: Sequence[Fault]) -> None:
        """Keep *faults*, which are new in the workers, until somebody takes them."""
        self._untaken.extend(faults)

    def take(self) -> Fault | None:
        """Return the oldest fault that was not taken before, as a `FaultLog` does."""
        if not self._untaken:
            self._gather()
        return super().take()

    def last(self) -> list[Fault]:
        """Return the faults that are kept, the oldest first."""
        return sorted([*super().last(), *self._find()], key=attrgetter('time'))[-KEPT:]

    def clear(self) -> None:
        """Forget all faults."""
        super().clear()
        self._clear()
