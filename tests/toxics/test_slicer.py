"""Slicer: the sizes of the pieces, and the pauses between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.toxics.bench import END, Bench

DATA = bytes(range(256)) * 40


def test_pieces_without_variation() -> None:
    bench = Bench('slicer', average_size=10)
    bench.feed(DATA[:100], END)
    assert set(bench.sizes) == {6, 7}
    assert bench.data == DATA[:100]
    assert bench.endings == [END]


def test_pieces_with_variation() -> None:
    bench = Bench('slicer', average_size=100, size_variation=30)
    bench.feed(DATA)
    assert bench.data == DATA
    assert max(bench.sizes) <= 130
    assert len(set(bench.sizes)) > 20


def test_single_bytes() -> None:
    bench = Bench('slicer', average_size=1)
    bench.feed(DATA)
    assert set(bench.sizes) == {1}
    assert bench.data == DATA


@pytest.mark.parametrize(
    'attributes',
    [
        {},
        {'average_size': 0},
        {'average_size': -1},
        {'average_size': -(2**63), 'size_variation': 2**63 - 1},
        {'average_size': 0, 'size_variation': 10},
        {'average_size': 2**63 - 1, 'size_variation': -(2**63)},
        {'average_size': 1, 'size_variation': 2**62},
    ],
)
def test_chunks_that_stay_whole(attributes: dict[str, Any]) -> None:
    bench = Bench('slicer', **attributes)
    bench.feed(DATA, b'b', END)
    assert [item for _, item in bench.out] == [DATA, b'b', END]


@pytest.mark.parametrize('variation', [1, 10, 11, 100, 5000, 10_239])
def test_a_variation_above_the_average(variation: int) -> None:
    bench = Bench('slicer', average_size=1, size_variation=variation)
    bench.feed(DATA)
    assert bench.data == DATA
    assert max(bench.sizes) <= 1 + variation


def test_the_pause_is_in_microseconds_and_follows_on_the_last_piece_too() -> None:
    bench = Bench('slicer', average_size=50, delay=1500)
    bench.feed(DATA[:100], b'next', END)
    bench.wait(1)
    assert [when for when, _ in bench.out] == pytest.approx([0, 0.0015, 0.003, 0.0045])
    assert [item for _, item in bench.out] == [DATA[:50], DATA[50:100], b'next', END]


def test_no_pause_before_the_first_piece_after_a_while() -> None:
    bench = Bench('slicer', average_size=50, delay=1500)
    bench.feed(b'a')
    bench.wait(1)
    bench.feed(b'b')
    assert bench.out == [(0.0, b'a'), (1.0, b'b')]


@pytest.mark.parametrize('disturb', [Bench.interrupt, Bench.update])
def test_interrupted_it_lets_the_rest_go_in_one_piece(disturb: Callable[[Bench], None]) -> None:
    bench = Bench('slicer', average_size=10, delay=10_000)
    bench.feed(DATA[:100])
    bench.wait(0.01)
    assert len(bench.out) == 2
    disturb(bench)
    assert len(bench.out) == 3
    assert bench.data == DATA[:100]


def test_an_update_ends_the_pause() -> None:
    bench = Bench('slicer', delay=2**63 - 1)
    bench.feed(b'a', b'b')
    bench.wait(1e6)
    assert bench.data == b'a'
    bench.update(delay=0)
    assert bench.data == b'ab'


def test_removed_in_the_middle_of_a_chunk() -> None:
    bench = Bench('slicer', average_size=10, delay=10_000)
    bench.feed(DATA[:100], b'next', END)
    bench.retire()
    assert bench.data == DATA[:100] + b'next'
    assert len(bench.out) == 4
    assert not bench.toxic.is_holding


def test_a_seed_repeats_the_cuts() -> None:
    def cut(seed: str) -> list[int]:
        bench = Bench('slicer', seed=seed, average_size=100, size_variation=30)
        bench.feed(DATA)
        return bench.sizes

    assert cut('1') == cut('1')
    assert cut('1') != cut('2')
