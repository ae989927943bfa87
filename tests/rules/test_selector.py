"""The weighted draw: shares, that a seed repeats it whatever the order, and that it hits what a model says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from vaurien.behaviors.dummy import Dummy
from vaurien.rules.match import Ordinals, Pattern
from vaurien.rules.rule import Rule
from vaurien.rules.selector import DRAWS as BLOCK, FIRST_AHEAD, UNKNOWN, Selector

DRAWS = 20_000
PLACES = [(link, exchange) for link in range(DRAWS // 100) for exchange in range(100)]


class Late(Dummy):
    name = 'late'


class Wrong(Dummy):
    name = 'wrong'


def make(behaviors: list[tuple[float, type[Dummy]]], seed: int) -> Selector:
    return Selector([Rule(kind, percent) for percent, kind in behaviors], seed)


def draw(selector: Selector, link: int, exchange: int) -> Rule | None:
    return selector.draws(link).draw(exchange)


def draw_all(selector: Selector, places: list[tuple[int, int]] = PLACES) -> list[str | None]:
    drawn = [draw(selector, *place) for place in places]
    return [None if rule is None else rule.name for rule in drawn]


def test_a_seed_repeats_every_draw() -> None:
    behaviors = [(20.0, Late), (10.0, Wrong)]
    assert draw_all(make(behaviors, 42)) == draw_all(make(behaviors, 42))
    assert draw_all(make(behaviors, 42)) != draw_all(make(behaviors, 43))


def test_order_does_not_matter() -> None:
    selector = make([(50.0, Late)], 7)
    in_order = dict(zip(PLACES, draw_all(selector), strict=True))
    shuffled = random.Random(1).sample(PLACES, len(PLACES))
    assert dict(zip(shuffled, draw_all(selector, shuffled), strict=True)) == in_order


@pytest.mark.parametrize('seed', [0, 1, -5, 2**70])
@pytest.mark.parametrize('weights', [(20.0, 10.0), (0.5, 99.5), (50.0, 50.0), (0.0, 30.0)])
def test_shares(seed: int, weights: tuple[float, float]) -> None:
    counted = Counter(draw_all(make([(weights[0], Late), (weights[1], Wrong)], seed)))
    for name, percent in ((('late'), weights[0]), ('wrong', weights[1]), (None, 100 - sum(weights))):
        share = percent / 100
        five_sigma = 5 * (DRAWS * share * (1 - share)) ** 0.5
        assert abs(counted[name] - DRAWS * share) <= five_sigma


def test_neighbouring_places_are_independent() -> None:
    selector = make([(50.0, Late)], 3)
    drawn = [[draw(selector, link, exchange) is not None for exchange in range(200)] for link in range(100)]
    for name, pairs in (
        ('exchanges', [(row[i], row[i + 1]) for row in drawn for i in range(199)]),
        ('links', [(drawn[i][j], drawn[i + 1][j]) for i in range(99) for j in range(200)]),
    ):
        agreeing = sum(first == second for first, second in pairs) / len(pairs)
        assert abs(agreeing - 0.5) < 0.02, name


def test_the_same_object_is_drawn() -> None:
    late = Rule(Late)
    assert draw(Selector([late], 1), 0, 0) is late


def test_all_and_nothing() -> None:
    assert set(draw_all(make([(100.0, Late)], 1))) == {'late'}
    assert set(draw_all(make([], 1))) == {None}
    assert set(draw_all(make([(0.0, Late)], 1))) == {None}


def test_a_third_each_leaves_no_crack() -> None:
    behaviors = [(100 / 3, Late), (100 / 3, Wrong), (100 / 3, Late)]
    assert None not in draw_all(make(behaviors, 1))


@pytest.mark.parametrize('percent', [0.0, 0.5, 10.0, 100.0])
def test_what_need_not_be_drawn_passes(percent: float) -> None:
    selector = make([(percent, Late)], 3)
    draws, spared = selector.draws(1), 0
    for exchange in range(1, 1000):
        if exchange < draws.quiet_until:
            spared += 1
            assert draw(selector, 1, exchange) is None
        else:
            draws.draw(exchange)
    assert (spared > 0) == (percent < 100)


class Aimed(Dummy):
    name = 'aimed'


def draw_statements(rules: Sequence[Rule], statements: Sequence[str]) -> list[Rule | None]:
    draws = Selector(rules, 1).draws(1)
    return [
        draws.draw(5, text.encode(), lambda request: (request.decode(), True), number)
        for number, text in enumerate(statements)
    ]


def test_each_statement_of_an_exchange_is_matched_and_counted() -> None:
    rule = Rule(Aimed, given={'match': Pattern.parse('a*'), 'nth': Ordinals.parse('2+')})
    assert draw_statements([rule], ['a', 'b', 'a', 'c', 'a']) == [None, None, rule, None, rule]
    assert rule.matched == 3


def test_a_rule_without_a_pattern_is_for_the_first_statement() -> None:
    third = Rule(Aimed, given={'nth': Ordinals.parse('2')})
    assert draw_statements([third], ['a'] * 3) == [None] * 3
    assert third.matched == 1
    assert [rule is not None for rule in draw_statements([Rule(Aimed)], ['a'] * 3)] == [True, False, False]


def test_statements_of_an_exchange_draw_for_themselves() -> None:
    rules = [Rule(Aimed, 50.0, {'match': Pattern.parse('a*')})]
    drawn = [[rule is not None for rule in draw_statements(rules, ['a'] * 1000)] for _ in range(2)]
    assert 400 < sum(drawn[0]) < 600
    assert drawn[0] == drawn[1]


PATTERNS: dict[str, Callable[[str], bool]] = {
    'a*': lambda text: text.startswith('a'),
    '*b': lambda text: text.endswith('b'),
    '/aa/': lambda text: 'aa' in text,
}
NUMBERS: dict[str, Callable[[int], bool]] = {
    '1': lambda n: n == 1,
    '2-3': lambda n: 2 <= n <= 3,
    '3+': lambda n: n >= 3,
    'every 2': lambda n: n % 2 == 0,
}
ENTRIES = st.fixed_dictionaries(
    {
        'percent': st.sampled_from([0.0, 10.0, 50.0, 100.0]),
        'match': st.none() | st.sampled_from(sorted(PATTERNS)),
        'nth': st.none() | st.sampled_from(sorted(NUMBERS)),
        'times': st.none() | st.integers(1, 3),
    }
)
TEXTS = st.text('ab', max_size=3)


def expect(entries: list[dict[str, Any]], exchanges: list[tuple[int, str]], seed: int) -> list[int | None]:
    """The index of the entry that each exchange gets, as the manual says it, without haste."""
    matched, hits, places = Counter[int](), Counter[int](), Counter[int]()
    got: list[int | None] = []
    for link, text in exchanges:
        places[link] += 1
        block, place = divmod(places[link], 8)
        share = make([], seed).points(link, block)[place] / 2**64 * 100
        chosen = None
        for i, entry in enumerate(entries):
            if entry['match'] is not None and not PATTERNS[entry['match']](text):
                continue
            matched[i] += 1
            if entry['nth'] is not None and not NUMBERS[entry['nth']](matched[i]):
                continue
            if entry['times'] is not None and hits[i] >= entry['times']:
                continue
            if chosen is None and share < entry['percent']:
                chosen = i
            share -= entry['percent']
        if chosen is not None:
            hits[chosen] += 1
        got.append(chosen)
    return got


def lasting(request: bytes) -> tuple[str, bool]:
    """Its text, which it has for good."""
    return request.decode(), True


@given(
    st.lists(ENTRIES, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 3), TEXTS), max_size=60),
    st.integers(0, 5),
)
def test_hits_what_a_model_says(entries: list[dict[str, Any]], exchanges: list[tuple[int, str]], seed: int) -> None:
    rules = []
    for entry in entries:
        given = {name: value for name, value in entry.items() if name != 'percent'}
        rules.append(Rule(Aimed, entry['percent'], Aimed.check(given)))
    selector = Selector(rules, seed)
    draws = {link: selector.draws(link) for link in range(1, 4)}
    places = Counter[int]()
    got: list[int | None] = []
    for link, text in exchanges:
        places[link] += 1
        drawn = draws[link].draw(places[link], text.encode(), lasting)
        if drawn is not None:
            drawn.hits += 1
        got.append(next((i for i, rule in enumerate(rules) if rule is drawn), None))
    assert got == expect(entries, exchanges, seed)


def test_what_nothing_is_for_is_described_once() -> None:
    described = []

    def describe(request: bytes) -> tuple[str, bool]:
        described.append(request)
        return lasting(request)

    draws = Selector([Rule(Aimed, 100.0, Aimed.check({'match': 'SET *'}))], 1).draws(1)
    for exchange in range(1, 10):
        assert draws.draw(exchange, b'GET x', describe) is None
        assert draws.draw(exchange, b'SET x', describe) is not None
    assert Counter(described) == {b'GET x': 1, b'SET x': 9}


def test_where_texts_are_alike_all_links_learn_together() -> None:
    aimed = Rule(Aimed, 100.0, Aimed.check({'match': 'SET *'}))
    selector = Selector([aimed], 1, is_alike=True)
    assert selector.learns
    for link, text in enumerate(('GET a', 'SET a', 'GET b')):
        selector.draws(link, is_alike=True).draw(1, text.encode(), lambda request: (request.decode(), True))
    assert selector.passing == {b'GET a', b'GET b'}
    assert selector.draws(9, is_alike=True).look_ahead(1) == (None, selector.passing)
    for number in range(2000):
        selector.draws(number, is_alike=True).draw(1, b'%d' % number, lambda request: (request.decode(), True))
    assert 0 < len(selector.passing) <= 1024
    before = set(selector.passing)
    selector.draws(9).draw(1, b'SET b', lambda request: ('5 bytes', True))  # a link that has become opaque
    assert selector.passing == before
    assert not Selector([aimed], 1).learns
    assert not Selector([Rule(Aimed, 100.0, Aimed.check({'match': '/S.T/'}))], 1, is_alike=True).learns


def test_a_text_that_may_change_is_asked_for_every_time() -> None:
    texts = iter(['GET x', 'SET x', 'GET x', 'SET x'])
    draws = Selector([Rule(Aimed, 100.0, Aimed.check({'match': 'SET *'}))], 1).draws(1)
    drawn = [draws.draw(exchange, b'RUN 7', lambda _: (next(texts), False)) for exchange in range(1, 5)]
    assert [each is not None for each in drawn] == [False, True, False, True]


def test_remembers_little() -> None:
    draws = Selector([Rule(Aimed, 100.0, Aimed.check({'match': 'SET *'}))], 1).draws(1)
    for exchange in range(1, 1000):
        assert draws.draw(exchange, b'GET %d' % exchange + b'x' * exchange, lasting) is None
    assert len(draws._passing) <= 64
    assert max(map(len, draws._passing)) <= 512


@given(
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.5, 5.0, 60.0]),
    st.lists(st.integers(0, 3000), min_size=1, max_size=6),
)
def test_what_lies_ahead_passes(seed: int, percent: float, exchanges: list[int]) -> None:
    """A link draws for none of them. It is told of all up to the next one that it draws for, if that is near."""
    selector = make([(percent, Late)], seed)
    draws = selector.draws(1)
    for exchange in sorted(exchanges):
        quiet, passing = draws.look_ahead(exchange)
        assert passing is None
        assert quiet is not None
        assert not any(draw(selector, 1, number) for number in range(exchange, exchange + quiet))
        assert quiet >= FIRST_AHEAD * BLOCK - 7 or draw(selector, 1, exchange + quiet) is not None


@given(st.integers(0, 2**32), st.sampled_from([0.001, 3, 30, 100]), st.integers(1, 10_000))
def test_the_first_exchanges_of_a_link_that_pass(seed: int, percent: float, link: int) -> None:
    selector = make([(percent / 2, Late), (percent / 2, Wrong)], seed)
    quiet = selector.count_quiet(link)
    assert not any(draw(selector, link, number) for number in range(1, quiet + 1))
    assert quiet == BLOCK - 1 or draw(selector, link, quiet + 1) is not None


def test_nothing_is_known_ahead_of_rules_that_count() -> None:
    """But for requests that they are known not to be for."""
    third = Rule(Aimed, given={'nth': Ordinals.parse('3')})
    assert Selector([third], 1).draws(1).look_ahead(1) == UNKNOWN
    draws = Selector([Rule(Aimed, 100.0, Aimed.check({'match': 'SET *'}))], 1).draws(1)
    for text in ('GET a', 'SET a'):
        draws.draw(1, text.encode(), lambda request: (request.decode(), True))
    assert draws.look_ahead(2) == (None, {b'GET a'})


@pytest.mark.parametrize('given', [[{'match': '/S.T/'}], [{'match': 'SET *'}, {'nth': Ordinals.parse('3')}]])
def test_nothing_is_known_ahead_where_patterns_are_tried_one_by_one(given: list[dict[str, Any]]) -> None:
    """No request is remembered that passes."""
    rules = [Rule(Aimed, given=Aimed.check(one)) for one in given]
    draws = Selector(rules, 1).draws(1)
    assert draws.draw(1, b'GET a', lambda request: (request.decode(), True)) is None
    assert draws.look_ahead(2) == UNKNOWN


def test_nothing_is_known_ahead_of_clients_that_have_names() -> None:
    """A request that changes the name of its client is to be seen."""
    named = Rule(Aimed, 100.0, Aimed.check({'client_name': 'worker-*'}))
    assert Selector([named], 1).draws(1).look_ahead(1) == UNKNOWN
