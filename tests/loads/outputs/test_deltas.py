"""What happened since the last look."""

from __future__ import annotations

from tests.loads.users.test_run import StillRun, request
from vaurien.loads.outputs.deltas import Deltas

NOTHING = {
    'hits': 0,
    'success': 0,
    'errors': 0,
    'failures': 0,
    'skipped': 0,
    'websockets': 0,
    'websocket_bytes': 0,
}


def test_only_what_is_new(run: StillRun) -> None:
    deltas = Deltas()
    run.stats.end_hit('success', 0.1)
    run.stats.count('orders', 2)
    run.stats.open_websocket()
    request(run, '/a', 10)
    request(run, '/a', 10)
    first = deltas.take(run)
    assert first.counts == NOTHING | {'hits': 1, 'success': 1, 'websockets': 1}
    assert (first.counters, first.requests, first.failed) == (
        {'orders': 2},
        {('GET', '/a'): {10: 2}},
        {('GET', '/a'): 0},
    )
    run.stats.end_hit('failure', 0.1)
    run.stats.count('orders', 1)
    request(run, '/a', 10)
    request(run, '/a', 30, ConnectionError('refused'))
    request(run, '/b', 10)
    second = deltas.take(run)
    assert second.counts == NOTHING | {'hits': 1, 'failures': 1}
    assert second.counters == {'orders': 1}
    assert second.requests == {('GET', '/a'): {10: 1, 30: 1}, ('GET', '/b'): {10: 1}}
    assert second.failed == {('GET', '/a'): 1, ('GET', '/b'): 0}
    third = deltas.take(run)
    assert (third.counts, third.counters) == (NOTHING, {'orders': 0})
    assert set(map(len, third.requests.values())) == {0}


def test_two_that_look(run: StillRun) -> None:
    first, second = Deltas(), Deltas()
    run.stats.end_hit('success', 0.1)
    assert first.take(run) == second.take(run)
