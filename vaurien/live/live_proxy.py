"""One proxy that is looked at: what has gone through it since the last second."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import msgspec

from vaurien.engine.proxy import ProxyServer
from vaurien.engine.recording import Timed
from vaurien.framing.meaning import ReplyClass
from vaurien.live.events import ProxySecond
from vaurien.live.series import Series
from vaurien.live.state import find_state
from vaurien.records.faults import Fault
from vaurien.records.observer import Observer
from vaurien.records.origin import What
from vaurien.records.times import find_quantiles


class ChangeObserver(Observer):
    """Is told of the changes of a proxy, from when it is there."""

    def __init__(self, on_change: Callable[[What, str], None]) -> None:
        self._on_change = on_change

    def on_change(self, what: What, text: str) -> None:
        self._on_change(what, text)


class FaultObserver(Observer):
    """Is told of the faults of a proxy, while somebody looks."""

    def __init__(self, on_fault: Callable[[Fault], None]) -> None:
        self._on_fault = on_fault

    def on_fault(self, fault: Fault) -> None:
        self._on_fault(fault)


class LiveProxy:
    """A proxy, whose changes are always told, and whose faults and counts while somebody looks."""

    def __init__(
        self,
        proxy: ProxyServer,
        on_change: Callable[[LiveProxy, What, str], None],
        on_fault: Callable[[LiveProxy, Fault], None],
        on_timed: Callable[[Timed], None],
    ) -> None:
        self.proxy = proxy
        self._state: msgspec.Raw | None = None
        self._changes = ChangeObserver(self._note_change)
        self._faults = FaultObserver(lambda fault: on_fault(self, fault))
        self._on_change = on_change
        self._on_timed = on_timed
        self._is_looked_at = False
        self.series = Series()
        #: When it was last measured, and what the counters were then: exchanges, faults, bytes each way.
        self._measured = 0.0
        self._counted: tuple[int, int, int, int] = (0, 0, 0, 0)
        #: The exchanges since then that were timed.
        self._timed: list[Timed] = []
        proxy.observers.add(self._changes)

    @property
    def name(self) -> str:
        """The name of the proxy."""
        return self.proxy.name

    @property
    def state(self) -> msgspec.Raw:
        """The state of the proxy, as JSON."""
        if self._state is None:
            self._state = find_state(self.proxy)
        return self._state

    def _note_change(self, what: What, text: str) -> None:
        self._state = None
        self._on_change(self, what, text)

    def begin(self, pause: Callable[[], object]) -> None:
        """Begin to look at it; do nothing if somebody does."""
        if not self._is_looked_at:
            self._is_looked_at = True
            self.proxy.observers.add(self._faults)
            self._measured, self._counted = monotonic(), self._count(pause)

    def open(self, take: Callable[[], object]) -> None:
        """Have some exchanges timed; *take* is called for each that begins."""
        self.proxy.recording.open(take, self._note_timed)

    def close(self) -> None:
        """Have no more exchanges timed."""
        self.proxy.recording.close()

    def _note_timed(self, timed: Timed) -> None:
        self.proxy.times.add(timed.entry.request, timed.backend_time, timed.client_time)
        if self._is_looked_at:
            self._timed.append(timed)
            self._on_timed(timed)

    def end(self) -> None:
        """Look at it no more."""
        if self._is_looked_at:
            self._is_looked_at = False
            self._timed = []
            self.close()
            self.proxy.observers.remove(self._faults)

    def leave(self) -> None:
        """Stop watching the proxy, and remove both observers."""
        self.end()
        self.proxy.observers.remove(self._changes)

    def measure(self, time: float, pause: Callable[[], object]) -> tuple[ProxySecond, int]:
        """Return what has gone through it since it was last measured, and how many exchanges that were."""
        now, before, counted = monotonic(), self._counted, self._count(pause)
        seconds, self._measured, self._counted = max(now - self._measured, 1e-3), now, counted
        exchanges, faults, upstream, downstream = (max(0, new - old) for new, old in zip(counted, before, strict=True))
        timed, self._timed = self._timed, []
        errors = sum(one.entry.reply is ReplyClass.ERROR for one in timed) / max(1, len(timed))
        second = ProxySecond(
            requests=round(exchanges / seconds, 3),
            errors=round(exchanges / seconds * errors, 3),
            faults=round(faults / seconds, 3),
            upstream=round(upstream / seconds, 3),
            downstream=round(downstream / seconds, 3),
            links=len(self.proxy.links),
            timed=len(timed),
            backend=find_quantiles(one.backend_time for one in timed if one.backend_time is not None),
            client=find_quantiles(one.client_time for one in timed if one.client_time is not None),
            state=self.state,
        )
        self.series.add(time, second)
        return second, exchanges

    def _count(self, pause: Callable[[], object]) -> tuple[int, int, int, int]:
        counters = self.proxy.counters
        arrived = counters.count_arrived(pause)
        faults = sum(histogram.hits for histogram in counters.histograms.values())
        return arrived.exchanges, faults, arrived.upstream, arrived.downstream
