"""How long exchanges take: for the backend, and for the client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from vaurien.console.percentiles import percentiles
from vaurien.records.histogram import BOUNDS, Histogram
from vaurien.records.status import QuantilesStatus, TimesStatus

#: So many times are kept for percentiles; and of each class of requests.
KEPT = 1000
KEPT_OF_CLASS = 100

#: The class of all requests whose own is one too many.
OTHER = 'other'

#: The upper bounds of the buckets, in seconds: a backend in memory takes less than those of faults begin with.
TIME_BOUNDS = (0.0001, 0.00025, 0.0005, *BOUNDS)


def find_quantiles(times: Iterable[float]) -> QuantilesStatus | None:
    """Return percentiles of *times*; None if there are none."""
    ranked = sorted(times)
    if not ranked:
        return None
    p50, p95, p99 = (round(value, 6) for value in percentiles(ranked, 50, 95, 99))
    return {'p50': p50, 'p95': p95, 'p99': p99}


class _Kept:
    """Durations of one kind: a histogram of all of them, and the last few for percentiles."""

    def __init__(self, kept: int) -> None:
        self.histogram = Histogram(TIME_BOUNDS)
        self._last: deque[float] = deque(maxlen=kept)

    def add(self, seconds: float) -> None:
        self.histogram.count_hits()
        self.histogram.add(seconds)
        self._last.append(seconds)

    def find_quantiles(self) -> QuantilesStatus | None:
        return find_quantiles(self._last)


class _Both:
    """The times of the backend, and those that clients felt."""

    def __init__(self, kept: int) -> None:
        self.backend, self.client = _Kept(kept), _Kept(kept)
        #: How many exchanges were timed.
        self.timed = 0

    def add(self, backend: float | None, client: float | None) -> None:
        self.timed += 1
        if backend is not None:
            self.backend.add(backend)
        if client is not None:
            self.client.add(client)

    def status(self) -> TimesStatus:
        return {
            'timed': self.timed,
            'backend': self.backend.find_quantiles(),
            'client': self.client.find_quantiles(),
        }


class Times:
    """The times of the exchanges of one proxy that were timed: of all together, and of each class of requests."""

    def __init__(self, classes: int = 0, name: Callable[[str], str] = str) -> None:
        """There are up to so many *classes*; requests of more share one. *name* returns the class of a text."""
        self._all = _Both(KEPT)
        self._most = classes
        self._name = name
        self._classes: dict[str, _Both] = {}

    def add(self, text: str, backend: float | None, client: float | None) -> None:
        """Add an exchange, in seconds; None: the backend has not answered, or the client got no answer.

        *text* is that of the request.
        """
        self._all.add(backend, client)
        if self._most:
            name = self._name(text)
            if name not in self._classes and len(self._classes) >= self._most:
                name = OTHER
            self._classes.setdefault(name, _Both(KEPT_OF_CLASS)).add(backend, client)

    def backend(self) -> Iterator[tuple[str, Histogram]]:
        """Return each class and the histogram of its times of the backend; one without a name if there are none."""
        return ((name, both.backend.histogram) for name, both in self._list())

    def client(self) -> Iterator[tuple[str, Histogram]]:
        """Return the same for the times that clients felt."""
        return ((name, both.client.histogram) for name, both in self._list())

    def _list(self) -> list[tuple[str, _Both]]:
        return list(self._classes.items()) if self._most else [('', self._all)]

    def status(self) -> TimesStatus:
        """Return how many there were, and percentiles of the last ones."""
        status = self._all.status()
        if self._most:
            status['classes'] = {name: both.status() for name, both in self._classes.items()}
        return status
