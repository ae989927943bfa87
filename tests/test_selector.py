"""The weighted draw: shares, and that a seed repeats it whatever the order."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from vaurien.behaviors.dummy import Dummy
from vaurien.selector import Armed, Selector

DRAWS = 20_000
PLACES = [(link, exchange) for link in range(DRAWS // 100) for exchange in range(100)]


class Late(Dummy):
    name = 'late'


class Wrong(Dummy):
    name = 'wrong'


def make(behaviors: list[tuple[float, Dummy]], seed: int) -> Selector:
    return Selector([Armed(behavior, percent) for percent, behavior in behaviors], seed)


def draw(selector: Selector, link: int, exchange: int) -> Dummy | None:
    drawn = selector.draws(link).draw(exchange)
    return None if drawn is None else drawn.behavior


def draw_all(selector: Selector, places: list[tuple[int, int]] = PLACES) -> list[str | None]:
    drawn = [draw(selector, *place) for place in places]
    return [None if behavior is None else behavior.name for behavior in drawn]


def test_a_seed_repeats_every_draw() -> None:
    behaviors = [(20.0, Late()), (10.0, Wrong())]
    assert draw_all(make(behaviors, 42)) == draw_all(make(behaviors, 42))
    assert draw_all(make(behaviors, 42)) != draw_all(make(behaviors, 43))


def test_order_does_not_matter() -> None:
    selector = make([(50.0, Late())], 7)
    in_order = dict(zip(PLACES, draw_all(selector), strict=True))
    shuffled = random.Random(1).sample(PLACES, len(PLACES))
    assert dict(zip(shuffled, draw_all(selector, shuffled), strict=True)) == in_order


@pytest.mark.parametrize('seed', [0, 1, -5, 2**70])
@pytest.mark.parametrize('weights', [(20.0, 10.0), (0.5, 99.5), (50.0, 50.0), (0.0, 30.0)])
def test_shares(seed: int, weights: tuple[float, float]) -> None:
    counted = Counter(draw_all(make([(weights[0], Late()), (weights[1], Wrong())], seed)))
    for name, percent in ((('late'), weights[0]), ('wrong', weights[1]), (None, 100 - sum(weights))):
        share = percent / 100
        five_sigma = 5 * (DRAWS * share * (1 - share)) ** 0.5
        assert abs(counted[name] - DRAWS * share) <= five_sigma


def test_neighbouring_places_are_independent() -> None:
    selector = make([(50.0, Late())], 3)
    drawn = [[draw(selector, link, exchange) is not None for exchange in range(200)] for link in range(100)]
    for name, pairs in (
        ('exchanges', [(row[i], row[i + 1]) for row in drawn for i in range(199)]),
        ('links', [(drawn[i][j], drawn[i + 1][j]) for i in range(99) for j in range(200)]),
    ):
        agreeing = sum(first == second for first, second in pairs) / len(pairs)
        assert abs(agreeing - 0.5) < 0.02, name


def test_the_same_object_is_drawn() -> None:
    late = Late()
    assert draw(make([(100.0, late)], 1), 0, 0) is late


def test_all_and_nothing() -> None:
    assert set(draw_all(make([(100.0, Late())], 1))) == {'late'}
    assert set(draw_all(make([], 1))) == {None}
    assert set(draw_all(make([(0.0, Late())], 1))) == {None}


def test_a_third_each_leaves_no_crack() -> None:
    behaviors = [(100 / 3, Late()), (100 / 3, Wrong()), (100 / 3, Late())]
    assert None not in draw_all(make(behaviors, 1))


@pytest.mark.parametrize('percent', [0.0, 0.5, 10.0, 100.0])
def test_what_need_not_be_drawn_passes(percent: float) -> None:
    selector = make([(percent, Late())], 3)
    draws, spared = selector.draws(1), 0
    for exchange in range(1, 1000):
        if exchange < draws.quiet_until:
            spared += 1
            assert draw(selector, 1, exchange) is None
        else:
            draws.draw(exchange)
    assert (spared > 0) == (percent < 100)
