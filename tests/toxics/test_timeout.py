"""Timeout: no data pass, and the link is closed after the timeout."""

from __future__ import annotations

import pytest

from tests.toxics.bench import CLOSE, END, Bench


def test_data_are_dropped() -> None:
    bench = Bench('timeout')
    bench.feed(b'a', b'b')
    bench.wait(1e6)
    assert bench.out == []
    assert bench.toxic.has_room
    assert not bench.toxic.is_holding


@pytest.mark.parametrize('timeout', [0, -1, -(2**63)])
def test_for_ever(timeout: int) -> None:
    bench = Bench('timeout', timeout=timeout)
    bench.wait(1e9)
    assert bench.out == []


def test_it_closes_when_nothing_has_come_for_a_while() -> None:
    bench = Bench('timeout', timeout=100)
    bench.step()
    for _ in range(10):
        bench.wait(0.09)
        assert bench.out == []
        bench.feed(b'still here')
    bench.wait(1)
    assert bench.out == [(pytest.approx(1.0), CLOSE)]


def test_the_time_begins_when_it_comes_to_the_link() -> None:
    bench = Bench('timeout', timeout=100)
    bench.step()
    bench.wait(1)
    assert bench.out == [(0.1, CLOSE)]


def test_an_update_begins_anew() -> None:
    bench = Bench('timeout', timeout=100)
    bench.step()
    bench.wait(0.09)
    bench.update(timeout=200)
    bench.wait(1)
    assert bench.out == [(pytest.approx(0.29), CLOSE)]


def test_an_end_passes_and_nothing_comes_after_it() -> None:
    bench = Bench('timeout', timeout=100)
    bench.feed(b'lost', END)
    assert bench.out == [(0.0, END)]
    bench.wait(1)
    bench.update(timeout=50)
    bench.wait(1)
    assert bench.out == [(0.0, END)]


def test_an_end_that_passed_while_it_was_not_applied() -> None:
    bench = Bench('timeout', timeout=100)
    bench.apply(0)
    bench.feed(b'a', END)
    bench.apply(1)
    bench.wait(1)
    assert bench.out == [(0.0, b'a'), (0.0, END)]


def test_it_closes_once() -> None:
    bench = Bench('timeout', timeout=100)
    bench.step()
    bench.wait(10)
    bench.feed(b'a')
    bench.wait(10)
    assert bench.out == [(0.1, CLOSE)]


def test_without_toxicity_data_flow_again() -> None:
    bench = Bench('timeout', timeout=100)
    bench.feed(b'lost')
    bench.apply(0)
    bench.feed(b'found')
    bench.wait(1)
    assert bench.out == [(0.0, b'found')]


def test_links_do_not_outlive_it() -> None:
    assert Bench('timeout').toxic.closes_when_removed
