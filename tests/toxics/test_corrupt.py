"""Corrupt: how many bits are flipped, and the same ones for the same seed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.toxics.bench import END, Bench
from vaurien.toxics.corrupt import STEP

DATA = bytes(100_000)


def damaged(data: bytes = DATA, cuts: list[int] | None = None, seed: str = '1', **attributes: Any) -> bytes:
    """Return what becomes of *data*, fed in chunks that end at *cuts*."""
    bench = Bench('corrupt', seed=seed, **attributes)
    for begin, end in zip([0, *(cuts or [])], [*(cuts or []), len(data)], strict=True):
        bench.feed(data[begin:end])
    bench.feed(END)
    assert bench.endings == [END]
    return bench.data


@pytest.mark.parametrize('probability', [0.0, 5e-324, 1e-300])
def test_never(probability: float) -> None:
    assert damaged(probability=probability) == DATA


def test_every_byte() -> None:
    data = random.Random(1).randbytes(10_000)
    flipped = [a ^ b for a, b in zip(data, damaged(data, probability=1.0), strict=True)]
    assert set(flipped) == {1 << bit for bit in range(8)}


@pytest.mark.parametrize('probability', [0.001, 0.01, 0.5])
def test_a_share(probability: float) -> None:
    changed = [byte for byte in damaged(probability=probability) if byte]
    assert len(changed) / len(DATA) == pytest.approx(probability, rel=0.25)
    assert set(changed) == {1 << bit for bit in range(8)}


def test_the_damage_does_not_depend_on_where_chunks_are_cut() -> None:
    """The seed decides alone, because nobody knows in what chunks the same bytes will arrive."""
    cuts = sorted(random.Random(1).sample(range(1, len(DATA)), 200))
    assert damaged(cuts=cuts, probability=0.01) == damaged(probability=0.01)


def test_a_seed_repeats_the_damage() -> None:
    assert damaged(probability=0.01) == damaged(probability=0.01)
    assert damaged(probability=0.01) != damaged(probability=0.01, seed='2')


def test_another_probability_counts_from_the_next_chunk() -> None:
    bench = Bench('corrupt', probability=0)
    bench.feed(b'\0')
    bench.update(probability=1.0)
    bench.feed(b'\0')
    assert bench.data[:1] == b'\0'
    assert bench.data[1:] != b'\0'


def test_a_step_damages_a_part_of_the_chunk() -> None:
    bench = Bench('corrupt', probability=1)
    toxic = bench.toxic
    toxic.feed(DATA[: 4 * STEP], bench.now)
    for _ in range(4):
        assert toxic.step(bench.now) is None
        assert toxic.next_step == bench.now
        assert toxic.is_holding
    item = toxic.step(bench.now)
    assert isinstance(item, bytes)
    assert len(item) == 4 * STEP
    assert 0 not in item
    assert not toxic.is_holding


def test_a_chunk_that_is_half_done_is_not_lost() -> None:
    bench = Bench('corrupt', probability=1)
    bench.toxic.feed(DATA[: 2 * STEP], bench.now)
    assert bench.toxic.step(bench.now) is None
    bench.retire()
    assert bench.sizes == [2 * STEP]
    assert bench.data.count(0) == STEP
