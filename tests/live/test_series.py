"""The counts of the last minutes."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw

from vaurien.live import series
from vaurien.live.events import ProxySecond
from vaurien.live.series import Series
from vaurien.records.status import QuantilesStatus


def second(requests: float, client: QuantilesStatus | None = None) -> ProxySecond:
    return ProxySecond(
        requests=requests,
        errors=0.0,
        faults=0.0,
        upstream=0.0,
        downstream=0.0,
        links=1,
        timed=0,
        backend=None,
        client=client,
        state=Raw(b'{}'),
    )


def test_the_last_ones_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, 'KEPT', 2)
    kept = Series()
    assert msgspec.json.decode(kept.encode()) == {}
    kept.add(1.0, second(10))
    kept.add(2.0, second(20))
    kept.add(3.0, second(30, {'p50': 0.1, 'p95': 0.2, 'p99': 0.3}))
    columns = msgspec.json.decode(kept.encode())
    assert columns['time'] == [2.0, 3.0]
    assert columns['requests'] == [20.0, 30.0]
    assert columns['client_p95'] == [None, 0.2]
    assert columns['backend_p95'] == [None, None]
