"""Reset_peer: when the reset comes, and what is dropped before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.toxics.bench import CLOSE, END, RESET, Bench
from vaurien.toxics.base import Item


def test_who_says_nothing_is_left_alone() -> None:
    bench = Bench('reset_peer', timeout=0)
    bench.step()
    bench.wait(1e9)
    assert bench.out == []
    assert not bench.toxic.is_holding


@pytest.mark.parametrize('first', [b'data', END, CLOSE])
def test_the_wait_begins_with_the_first_data_or_the_end(first: Item) -> None:
    bench = Bench('reset_peer', timeout=100)
    bench.wait(1)
    bench.feed(first)
    assert bench.toxic.is_holding
    bench.wait(0.05)
    bench.feed(b'more')
    bench.wait(1)
    assert bench.out == [(pytest.approx(1.1), RESET)]


@pytest.mark.parametrize('timeout', [0, -1, -(2**63)])
def test_at_once(timeout: int) -> None:
    bench = Bench('reset_peer', timeout=timeout)
    bench.feed(b'data')
    assert bench.out == [(0.0, RESET)]


def test_links_that_are_older_are_closed() -> None:
    bench = Bench('reset_peer', fresh=False)
    bench.feed(b'data')
    assert bench.out == [(0.0, CLOSE)]


@pytest.mark.parametrize('disturb', [Bench.interrupt, lambda bench: bench.update(timeout=5000)])
def test_what_has_begun_takes_its_time(disturb: Callable[[Bench], None]) -> None:
    bench = Bench('reset_peer', timeout=100)
    bench.feed(b'data')
    bench.wait(0.05)
    disturb(bench)
    bench.wait(1)
    assert bench.out == [(0.1, RESET)]


@pytest.mark.parametrize('leave', [Bench.retire, lambda bench: bench.apply(0)])
def test_removed_it_does_not_keep_anybody_waiting(leave: Callable[[Bench], None]) -> None:
    bench = Bench('reset_peer', timeout=3_600_000)
    bench.feed(b'gone')
    bench.blocked = True
    bench.feed(b'gone, too')
    leave(bench)
    bench.unblock()
    assert bench.out == [(0.0, RESET)]


def test_removed_before_anything_was_said() -> None:
    bench = Bench('reset_peer', timeout=100)
    bench.retire()
    bench.feed(b'data')
    bench.wait(1)
    assert bench.out == [(0.0, b'data')]
