"""The times of exchanges."""

from __future__ import annotations

from vaurien.records.histogram import Histogram
from vaurien.records.times import KEPT, OTHER, Times, find_quantiles


def backend(times: Times) -> Histogram:
    ((name, histogram),) = times.backend()
    assert name == ''
    return histogram


def client(times: Times) -> Histogram:
    ((_, histogram),) = times.client()
    return histogram


def test_percentiles() -> None:
    assert find_quantiles([]) is None
    assert find_quantiles(i / 100 for i in range(100, 0, -1)) == {'p50': 0.5, 'p95': 0.95, 'p99': 0.99}


def test_what_is_not_known_is_left_out() -> None:
    times = Times()
    assert times.status() == {'timed': 0, 'backend': None, 'client': None}
    times.add('a', None, 0.5)
    times.add('a', 0.25, None)
    assert times.status() == {
        'timed': 2,
        'backend': {'p50': 0.25, 'p95': 0.25, 'p99': 0.25},
        'client': {'p50': 0.5, 'p95': 0.5, 'p99': 0.5},
    }
    assert (backend(times).hits, backend(times).seconds) == (1, 0.25)
    assert dict(client(times).buckets())['0.5'] == 1
    assert dict(client(times).buckets())['0.25'] == 0


def test_percentiles_are_of_the_last_ones_and_the_histogram_of_all() -> None:
    times = Times()
    for _ in range(10):
        times.add('a', 9.0, 9.0)
    for _ in range(KEPT):
        times.add('a', 0.0002, 0.0003)
    status = times.status()
    assert status['backend'] == {'p50': 0.0002, 'p95': 0.0002, 'p99': 0.0002}
    assert backend(times).hits == KEPT + 10
    assert dict(backend(times).buckets())['0.00025'] == KEPT


def test_classes_of_requests() -> None:
    times = Times(2, str.upper)
    for text in 'a', 'A', 'b', 'c', 'd', 'a':
        times.add(text, 0.001, 0.002)
    status = times.status()
    assert status['timed'] == 6
    assert {name: one['timed'] for name, one in status['classes'].items()} == {'A': 3, 'B': 1, OTHER: 2}
    assert [(name, histogram.hits) for name, histogram in times.client()] == [('A', 3), ('B', 1), (OTHER, 2)]
    assert status['classes']['A']['backend'] == {'p50': 0.001, 'p95': 0.001, 'p99': 0.001}
