"""Packet_loss: the share of chunks that is dropped, and its correlation."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.toxics.bench import END, Bench

COUNT = 20_000


def passed(seed: str = '1', **attributes: Any) -> list[int]:
    """Return which of the chunks pass."""
    bench = Bench('packet_loss', seed=seed, **attributes)
    for i in range(COUNT):
        bench.feed(b'%d,' % i)
    return [int(item[:-1]) for _, item in bench.out if isinstance(item, bytes)]


@pytest.mark.parametrize(
    'attributes', [{}, {'loss_rate': -1e308}, {'correlation': 1.0}, {'loss_rate': -1, 'correlation': 1}]
)
def test_no_loss(attributes: dict[str, Any]) -> None:
    assert passed(**attributes) == list(range(COUNT))


@pytest.mark.parametrize('rate', [1.0, 7.5, 1e308])
def test_everything_but_the_end(rate: float) -> None:
    bench = Bench('packet_loss', loss_rate=rate)
    bench.feed(b'a', b'b', END)
    assert bench.out == [(0.0, END)]


def test_a_share_is_lost_and_the_rest_is_in_order() -> None:
    through = passed(loss_rate=0.3)
    assert through == sorted(through)
    assert len(through) / COUNT == pytest.approx(0.7, abs=0.02)


def test_one_loss_makes_the_next_likelier() -> None:
    """In all 0.3 / (1 - 0.5) = 60 % are lost, in longer runs than independent draws give."""
    through = passed(loss_rate=0.3, correlation=0.5)
    assert len(through) / COUNT == pytest.approx(0.4, abs=0.02)
    after_one_that_passed = sum(second == first + 1 for first, second in pairwise(through))
    assert after_one_that_passed / len(through) == pytest.approx(0.7, abs=0.02)


def test_what_was_lost_last_is_known_over_an_update() -> None:
    bench = Bench('packet_loss', loss_rate=1)
    bench.feed(b'lost')
    bench.update(loss_rate=0.0, correlation=1.0)
    bench.feed(b'lost, too')
    assert bench.out == []


def test_a_seed_repeats_the_losses() -> None:
    assert passed('1', loss_rate=0.5) == passed('1', loss_rate=0.5)
    assert passed('1', loss_rate=0.5) != passed('2', loss_rate=0.5)
