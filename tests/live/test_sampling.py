"""How many exchanges are timed, without a clock."""

from __future__ import annotations

from vaurien.live.sampling import TIMED, TIMED_OF_MORE, Sampling


def take_all(sampling: Sampling) -> int:
    """Take what may be taken, and return how many that were."""
    count = 0
    while sampling.is_open:
        sampling.take()
        count += 1
    return count


def test_nothing_is_timed_before_it_is_filled() -> None:
    assert not Sampling().is_open


def test_of_few_all_are_timed() -> None:
    sampling = Sampling()
    assert sampling.refill(1.0) == TIMED
    assert take_all(sampling) == TIMED
    assert sampling.refill(0.5) == TIMED // 2
    assert take_all(sampling) == TIMED // 2
    assert sampling.count() == TIMED + TIMED // 2
    assert sampling.count() == 0
    sampling.adapt(TIMED, 1.0)
    assert sampling.refill(0.5) == TIMED // 2


def test_of_many_some_are_timed() -> None:
    sampling = Sampling()
    sampling.adapt(TIMED + 1, 1.0)
    assert sampling.refill(1.0) == TIMED_OF_MORE
    assert take_all(sampling) == TIMED_OF_MORE
    sampling.adapt(2 * TIMED, 2.0)
    assert sampling.refill(1.0) == TIMED


def test_what_nobody_takes_adds_up_to_a_burst_at_most() -> None:
    sampling = Sampling()
    for _ in range(3):
        sampling.refill(1.0)
    assert take_all(sampling) == TIMED


def test_less_than_one_is_none_until_there_is_more() -> None:
    sampling = Sampling()
    assert sampling.refill(0.5 / TIMED) == 0
    assert sampling.refill(0.5 / TIMED) == 1
