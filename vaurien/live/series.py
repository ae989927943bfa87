"""The counts of a proxy over the last minutes, in columns, as charts want them."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from math import inf, nan

import msgspec

from vaurien.live.events import KEPT, ProxySecond
from vaurien.records.status import QuantilesStatus


class Series:
    """Keeps the last `KEPT` seconds of a proxy: 13 numbers of 8 bytes for each."""

    def __init__(self) -> None:
        self._columns: dict[str, array[float]] = {}

    def add(self, time: float, second: ProxySecond) -> None:
        """Add a second, and forget the oldest one if there are too many."""
        row = {
            'time': time,
            'requests': second.requests,
            'errors': second.errors,
            'faults': second.faults,
            'upstream': second.upstream,
            'downstream': second.downstream,
            'links': second.links,
            **_spread('backend', second.backend),
            **_spread('client', second.client),
        }
        for name, value in row.items():
            column = self._columns.setdefault(name, array('d'))
            column.append(value)
            if len(column) > KEPT:
                del column[0]

    def encode(self, until: float = inf) -> msgspec.Raw:
        """Return the columns *until* a time as JSON, in which a value that nobody knows is null."""
        end = bisect_right(self._columns.get('time', ()), until)
        columns = {name: column[:end].tolist() for name, column in self._columns.items()}
        return msgspec.Raw(msgspec.json.encode(columns))


def _spread(name: str, found: QuantilesStatus | None) -> dict[str, float]:
    p50, p95, p99 = (nan, nan, nan) if found is None else (found['p50'], found['p95'], found['p99'])
    return {f'{name}_p50': p50, f'{name}_p95': p95, f'{name}_p99': p99}
