"""Slow_close: the delay of the end, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.toxics.bench import BREAK, CLOSE, END, RESET, Bench
from vaurien.toxics.base import Ending


def test_data_are_as_fast_as_ever() -> None:
    bench = Bench('slow_close', delay=700)
    bench.feed(b'a', b'b')
    assert bench.out == [(0.0, b'a'), (0.0, b'b')]


@pytest.mark.parametrize('end', [END, CLOSE, RESET])
def test_the_end_is_late(end: Ending) -> None:
    bench = Bench('slow_close', delay=700)
    bench.wait(1)
    bench.feed(b'a', end)
    bench.wait(1)
    assert bench.out == [(1.0, b'a'), (1.7, end)]


def test_a_reset_by_the_source_is_not() -> None:
    bench = Bench('slow_close', delay=700)
    bench.feed(BREAK)
    assert bench.out == [(0.0, BREAK)]


@pytest.mark.parametrize('delay', [0, -1, -(2**63)])
def test_no_delay(delay: int) -> None:
    bench = Bench('slow_close', delay=delay)
    bench.feed(END)
    assert bench.out == [(0.0, END)]


@pytest.mark.parametrize('disturb', [Bench.interrupt, lambda bench: bench.update(delay=700)])
def test_interrupted_the_whole_delay_begins_again(disturb: Callable[[Bench], None]) -> None:
    bench = Bench('slow_close', delay=700)
    bench.feed(END)
    bench.wait(0.2)
    disturb(bench)
    bench.wait(1)
    assert bench.out == [(pytest.approx(0.9), END)]


def test_removed_it_lets_the_end_go() -> None:
    bench = Bench('slow_close', delay=700)
    bench.feed(END)
    bench.wait(0.2)
    bench.retire()
    assert bench.out == [(0.2, END)]
