"""Bandwidth: the rate, the pieces and the wait of the sender."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.toxics.bench import END, Bench


def test_a_chunk_takes_its_time() -> None:
    bench = Bench('bandwidth', rate=10)
    bench.feed(b'.' * 100)
    assert bench.out == []
    bench.wait(1)
    assert bench.out == [(pytest.approx(0.01), b'.' * 100)]


def test_a_long_one_comes_in_pieces() -> None:
    bench = Bench('bandwidth', rate=10)
    bench.feed(bytes(range(256)) * 10, END)
    bench.wait(1)
    assert bench.sizes == [1000, 1000, 560]
    assert [when for when, _ in bench.out] == pytest.approx([0.1, 0.2, 0.256, 0.256])
    assert bench.data == bytes(range(256)) * 10
    assert bench.endings == [END]


def test_nothing_is_gained_or_lost_over_many_chunks() -> None:
    """A chunk that comes while another passes waits its turn, however late it is asked for."""
    bench = Bench('bandwidth', rate=1000)
    sent = 0
    while bench.now < 5:
        if bench.toxic.has_room:
            bench.feed(b'.' * 777)
            sent += 777
        bench.wait(0.00031)
    assert len(bench.data) == pytest.approx(5_000_000, rel=0.001)


def test_time_without_data_is_not_saved_up() -> None:
    bench = Bench('bandwidth', rate=1)
    bench.wait(100)
    bench.feed(b'.' * 50)
    assert bench.data == b''
    bench.wait(0.049)
    assert bench.data == b''
    bench.wait(0.001)
    assert bench.data == b'.' * 50


def test_no_rate_stops_everything() -> None:
    bench = Bench('bandwidth', rate=0)
    count = 0
    while bench.toxic.has_room:
        bench.feed(b'.')
        count += 1
    bench.wait(1e6)
    assert bench.out == []
    assert count < 20, 'whoever sends is held back'
    bench.feed(END)
    bench.update(rate=1)
    bench.wait(1)
    assert bench.data == b'.' * count
    assert bench.endings == [END]


def test_no_rate_until_it_is_removed() -> None:
    bench = Bench('bandwidth')
    bench.feed(b'a', END)
    bench.retire()
    assert bench.out == [(0.0, b'a'), (0.0, END)]


@pytest.mark.parametrize('rate', [-1, -(2**63), 2**63 - 1])
def test_no_limit(rate: int) -> None:
    bench = Bench('bandwidth', rate=rate)
    bench.feed(b'.' * 100_000, b'b', END)
    bench.wait(0.001)
    assert [item for _, item in bench.out] == [b'.' * 100_000, b'b', END]


@pytest.mark.parametrize('disturb', [Bench.interrupt, lambda bench: bench.update(rate=1)])
def test_interrupted_it_lets_the_rest_of_a_chunk_go_in_one_piece(disturb: Callable[[Bench], None]) -> None:
    bench = Bench('bandwidth', rate=1)
    bench.feed(b'.' * 1000, b'next')
    bench.wait(0.15)
    assert len(bench.data) == 100
    disturb(bench)
    assert bench.out[1:] == [(0.15, b'.' * 900)]
    bench.wait(0.003)
    assert bench.data == b'.' * 1000
    bench.wait(0.001)
    assert bench.data == b'.' * 1000 + b'next'


def test_removed_while_a_chunk_passes() -> None:
    bench = Bench('bandwidth', rate=1)
    bench.feed(b'.' * 1000, b'next', END)
    bench.wait(0.15)
    bench.retire()
    assert [item for _, item in bench.out] == [b'.' * 100, b'.' * 900, b'next', END]


def test_a_rate_counts_again_after_it_was_not_applied_for_a_while() -> None:
    bench = Bench('bandwidth', rate=1)
    bench.feed(b'.' * 1000)
    bench.apply(0)
    assert bench.data == b'.' * 1000
    bench.update(rate=0)
    bench.apply(1)
    bench.feed(b'next')
    bench.wait(1000)
    assert bench.data == b'.' * 1000
