"""Latency: the delay, its distributions, and that the rate stays."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest

from tests.toxics.bench import BREAK, CLOSE, END, RESET, Bench
from vaurien.errors import OptionError
from vaurien.toxics.base import Ending


def delays(seed: str = '1', count: int = 20_000, **attributes: Any) -> list[float]:
    """Return the delays in milliseconds of chunks that are fed one after the other."""
    bench = Bench('latency', seed=seed, **attributes)
    for _ in range(count):
        bench.now = 0.0
        bench.feed(b'.')
        bench.wait(1e9)
    return [1000 * when for when, _ in bench.out]


def test_each_chunk_is_delayed_from_its_own_arrival() -> None:
    bench = Bench('latency', latency=100)
    for i in range(20):
        bench.feed(b'%d' % i)
        bench.wait(0.01)
    bench.wait(1)
    assert [item for _, item in bench.out] == [b'%d' % i for i in range(20)]
    assert [when for when, _ in bench.out] == pytest.approx([0.1 + 0.01 * i for i in range(20)])


def test_as_many_are_under_way_as_it_takes() -> None:
    bench = Bench('latency', latency=100)
    while bench.toxic.has_room:
        bench.feed(b'.')
    assert len(bench.toxic.queue) == 1024
    bench.wait(0.1)
    assert bench.data == b'.' * 1024
    assert bench.toxic.has_room


@pytest.mark.parametrize('end', [END, BREAK, CLOSE, RESET])
def test_an_end_waits_for_data_only(end: Ending) -> None:
    bench = Bench('latency', latency=100)
    bench.feed(end)
    assert bench.out == [(0.0, end)]
    bench = Bench('latency', latency=100)
    bench.feed(b'last', end)
    bench.wait(1)
    assert bench.out == [(0.1, b'last'), (0.1, end)]


@pytest.mark.parametrize('attributes', [{}, {'latency': -5}, {'latency': -(2**63)}, {'latency': 0, 'jitter': -9}])
def test_no_delay(attributes: dict[str, Any]) -> None:
    bench = Bench('latency', **attributes)
    bench.feed(b'a', b'b', END)
    assert bench.out == [(0.0, b'a'), (0.0, b'b'), (0.0, END)]


def test_an_update_lets_go_what_is_held_and_counts_for_the_rest() -> None:
    bench = Bench('latency', latency=100)
    bench.feed(b'a')
    bench.wait(0.01)
    bench.feed(b'b')
    bench.wait(0.03)
    bench.update(latency=50)
    assert bench.out == [(0.04, b'a')]
    bench.wait(1)
    assert bench.out[1:] == [(pytest.approx(0.06), b'b')]


def test_an_interruption_lets_go_what_is_held() -> None:
    bench = Bench('latency', latency=100)
    bench.feed(b'a', b'b')
    bench.interrupt()
    assert bench.data == b'a'
    bench.wait(0.09)
    assert bench.data == b'a'
    bench.wait(0.02)
    assert bench.data == b'ab'


@pytest.mark.parametrize('leave', [Bench.retire, lambda bench: bench.apply(0)])
def test_what_waits_goes_at_once_when_it_is_removed(leave: Callable[[Bench], None]) -> None:
    bench = Bench('latency', latency=100)
    bench.feed(b'a', b'b', END)
    leave(bench)
    assert bench.out == [(0.0, b'a'), (0.0, b'b'), (0.0, END)]
    assert not bench.toxic.is_holding


def test_order_is_kept_whatever_the_jitter() -> None:
    bench = Bench('latency', latency=50, jitter=50)
    for i in range(1000):
        bench.feed(bytes([i % 256]))
        bench.wait(0.001)
    bench.wait(1)
    assert bench.data == bytes(i % 256 for i in range(1000))
    assert all(0.001 * i <= when for i, (when, _) in enumerate(bench.out))


def test_jitter_is_uniform_if_nothing_else_is_asked_for() -> None:
    drawn = delays(latency=200, jitter=50)
    assert min(drawn) == pytest.approx(150)
    assert max(drawn) == pytest.approx(249)
    assert statistics.mean(drawn) == pytest.approx(200, abs=1)
    assert drawn == delays(latency=200, jitter=50, distribution='uniform')


def test_a_normal_distribution() -> None:
    drawn = delays(latency=1000, jitter=50, distribution='normal')
    assert statistics.mean(drawn) == pytest.approx(1000, abs=2)
    assert statistics.pstdev(drawn) == pytest.approx(50, rel=0.03)
    within = sum(950 < one < 1050 for one in drawn) / len(drawn)
    assert within == pytest.approx(0.683, abs=0.02)


def test_a_pareto_distribution_has_a_long_tail() -> None:
    drawn = delays(latency=1000, jitter=50, distribution='pareto')
    assert statistics.mean(drawn) == pytest.approx(1000, abs=3)
    assert statistics.pstdev(drawn) == pytest.approx(50, rel=0.2)
    assert statistics.median(drawn) < 1000
    assert max(drawn) > 1000 + 8 * 50, 'which no normal distribution does'
    assert min(drawn) > 1000 - 50


def test_a_seed_repeats_the_jitter() -> None:
    for distribution in ('uniform', 'normal', 'pareto'):
        ask: dict[str, Any] = {'count': 20, 'latency': 200, 'jitter': 50, 'distribution': distribution}
        assert delays('7', **ask) == delays('7', **ask)
        assert delays('7', **ask) != delays('8', **ask)


def test_a_distribution_in_place_of_a_number() -> None:
    drawn = delays(count=10_000, latency='pareto(min=20ms, p99=2s)')
    assert min(drawn) >= 20
    below = sum(one < 2000 for one in drawn) / len(drawn)
    assert below == pytest.approx(0.99, abs=0.004)  # four standard deviations
    assert drawn[:20] == delays(count=20, latency='pareto(min=20ms, p99=2s)')
    assert drawn[:20] != delays('2', count=20, latency='pareto(min=20ms, p99=2s)')


def test_a_distribution_with_a_jitter() -> None:
    drawn = delays(count=100, latency='uniform(min=1s, max=1s)', jitter=50)
    assert 950 <= min(drawn) < max(drawn) <= 1050


def test_another_distribution_is_refused() -> None:
    with pytest.raises(OptionError, match=r'^distribution: expected one of uniform, normal, pareto, got'):
        Bench('latency', distribution='gauss')
