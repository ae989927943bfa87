"""Duplicate: which chunks are sent twice."""

from __future__ import annotations

import pytest

from tests.toxics.bench import END, Bench


def test_every_chunk_twice_and_one_end() -> None:
    bench = Bench('duplicate')
    bench.feed(b'a', b'b', END)
    assert bench.data == b'aabb'
    assert bench.endings == [END]


def test_none() -> None:
    bench = Bench('duplicate', probability=0)
    bench.feed(b'a', b'b', END)
    assert bench.data == b'ab'


def test_a_share() -> None:
    bench = Bench('duplicate', probability=0.25)
    for _ in range(20_000):
        bench.feed(b'.')
    assert len(bench.data) == pytest.approx(25_000, rel=0.02)


def test_a_seed_repeats_the_choice() -> None:
    def chosen(seed: str) -> bytes:
        bench = Bench('duplicate', seed=seed, probability=0.5)
        for i in range(100):
            bench.feed(bytes([i]))
        return bench.data

    assert chosen('1') == chosen('1')
    assert chosen('1') != chosen('2')
