"""The limits of a rule, on a clock that the test sets: which exchanges it is for, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.arming import rule
from vaurien.behaviors.delay import Delay
from vaurien.errors import ConfigError, OptionError
from vaurien.protocols.redis import Redis
from vaurien.protocols.tcp import TCP
from vaurien.rules.behaviors import format_rules, make_rules
from vaurien.rules.limits import MAX_SEQUENCE, Rhythm
from vaurien.rules.rule import Rule
from vaurien.rules.selector import Selector


class Time:
    """A clock that goes on when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def arm(time: Time | None = None, **limits: Any) -> Rule:
    return rule('delay', **limits).arm(Redis, time or Time())


def applied(made: Rule, requests: Iterable[str]) -> list[bool]:
    """Return to which of *requests*, one after the other, the rule is applied; none of the faults is ever over."""
    return [made.is_for(request) and made.is_due() for request in requests]


class TestSequence:
    """Which exchanges fail, over and over."""

    @pytest.mark.parametrize(
        ('text', 'fails'),
        [
            ('fail,fail,pass', [True, True, False, True, True, False, True]),
            (' pass , fail', [False, True, False, True, False, True, False]),
            ('fail', [True] * 7),
        ],
    )
    def test_goes_round(self, text: str, fails: list[bool]) -> None:
        assert applied(arm(sequence=text), ['GET a'] * 7) == fails

    def test_goes_round_over_what_matches(self) -> None:
        requests = ['SET a', 'GET a', 'SET a', 'GET a', 'SET a']
        assert applied(arm(match='SET *', sequence='pass,fail'), requests) == [False, False, True, False, False]

    def test_nth_picks_some_of_those_that_fail(self) -> None:
        assert applied(arm(sequence='fail,pass', nth='2+'), ['GET a'] * 5) == [False, False, True, False, True]

    @pytest.mark.parametrize(
        'wrong', ['', 'pass', 'fail,', 'fail,no', 'FAIL', 1, None, ['fail'], 'pass,' * 200 + 'fail']
    )
    def test_mistakes(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match=f'expected fail and pass, such as .* up to {MAX_SEQUENCE} characters'):
            Rhythm.parse(wrong)


class TestOnce:
    """It sleeps until a request was seen."""

    def test_it_is_for_what_comes_behind_that_request(self) -> None:
        made = arm(once='SET lock*')
        assert applied(made, ['GET a', 'SET lock:7', 'GET a', 'SET lock:7']) == [False, False, True, True]
        assert made.matched == 2, 'what it has slept through is not counted'

    def test_the_request_need_not_be_one_that_it_is_for(self) -> None:
        made = arm(match='GET *', once='/^SET/', nth=1)
        requests = ['GET a', 'SET a', 'SET a', 'GET a', 'GET a']
        assert applied(made, requests) == [False, False, False, True, False]

    @pytest.mark.parametrize('limits', [{}, {'match': 'GET *'}])
    def test_any_link_may_wake_it(self, limits: dict[str, Any]) -> None:
        made = arm(once='SET lock*', **limits)
        selector = Selector([made], 1)
        first, second = selector.draws(1), selector.draws(2)

        def describe(request: bytes) -> tuple[str, bool]:
            return request.decode(), True

        assert first.draw(1, b'GET a', describe) is None
        assert second.draw(1, b'SET lock', describe) is None
        assert first.draw(2, b'GET b', describe) is made
        if not limits:
            assert first.draw(3, b'GET a', describe) is made

    def test_a_further_statement_of_an_exchange_may_wake_it(self) -> None:
        made = arm(once='SET lock*')
        assert [made.is_for('GET a', 0), made.is_for('SET lock', 1), made.is_for('GET a', 2), made.is_for('GET a')] == [
            False,
            False,
            False,
            True,
        ]

    def test_one_that_never_woke_is_known(self) -> None:
        made = arm(once='SET lock*')
        assert made.is_unmatched
        assert applied(made, ['SET lock', 'GET a']) == [False, True]
        assert not made.is_unmatched


class TestCooldown:
    """It rests after each fault."""

    def test_counts_from_the_last_fault(self) -> None:
        time = Time()
        made = arm(time, cooldown=5)
        hits = []
        for time.now in (100.0, 104.9, 105.0, 109.0, 110.0):
            hits += applied(made, ['GET a'])
        assert hits == [True, False, True, False, True]
        assert (made.matched, made.hits) == (5, 3)

    def test_what_passes_meanwhile_is_for_others(self) -> None:
        time = Time()
        made = [rule.arm(Redis, time) for rule in make_rules('error(cooldown=5),delay')]
        draws = Selector(made, 1).draws(1)
        names = []
        for exchange in range(1, 4):
            drawn = draws.draw(exchange)
            assert drawn is not None
            drawn.is_due()
            names.append(drawn.name)
        assert names == ['error', 'delay', 'delay']


class TestMaxActive:
    """It is at work in so many exchanges, and in no more."""

    def test_one_that_is_over_makes_room(self) -> None:
        made = arm(max_active=2)
        assert applied(made, ['GET a'] * 3) == [True, True, False]
        made.leave()
        assert applied(made, ['GET a'] * 2) == [True, False]

    def test_handshakes_have_no_end_that_could_be_counted(self) -> None:
        with pytest.raises(OptionError) as caught:
            arm(match='TLS *', max_active=2)
        assert caught.value.path == 'delay.max_active'


class TestClient:
    """Who the client is decides."""

    @pytest.mark.parametrize(
        ('text', 'inside', 'outside'),
        [
            ('10.1.2.3', ['10.1.2.3', '::ffff:10.1.2.3'], ['10.1.2.4', '::1']),
            ('10.0.0.0/8', ['10.255.0.1', '::ffff:10.0.0.1'], ['11.0.0.1', '::a00:1']),
            ('::ffff:10.1.2.3', ['10.1.2.3'], ['10.1.2.4']),
            ('2001:db8::/32', ['2001:db8::1', '2001:db8::1%eth0'], ['2001:db9::1', '10.1.2.3']),
            ('0.0.0.0/0', ['10.1.2.3', '::ffff:10.1.2.3'], ['::1']),
        ],
    )
    def test_addresses(self, text: str, inside: list[str], outside: list[str]) -> None:
        made = arm(client=text)
        assert [made.serves(host) for host in inside + outside] == [True] * len(inside) + [False] * len(outside)
        assert not made.serves(None), 'it has gone'

    def test_what_is_for_others_costs_nothing(self) -> None:
        assert Selector([arm(client='10.0.0.0/8')], 1).serve('127.0.0.1') is None

    def test_others_count_the_same_on_every_link(self) -> None:
        one, other = arm(client='10.0.0.0/8'), arm()
        selector = Selector([one, other], 1)
        for link, host in enumerate(('10.0.0.1', '127.0.0.1')):
            serving = selector.serve(host)
            assert serving is not None
            for exchange in range(3):
                serving.draws(link).draw(exchange)
        assert (one.matched, other.matched) == (3, 6)

    def test_draws_do_not_depend_on_who_else_there_is(self) -> None:
        half = Selector([arm(client='10.0.0.0/8'), rule('error', 50.0).arm(Redis)], 1).serve('127.0.0.1')
        alone = Selector([rule('error', 50.0).arm(Redis)], 1)
        assert half is not None
        drawn = [[one.draws(7).draw(exchange) is None for exchange in range(64)] for one in (half, alone)]
        assert drawn[0] == drawn[1]


class TestClientName:
    """What the client calls itself decides."""

    def test_it_is_a_pattern(self) -> None:
        made = arm(client_name='worker-*', match='GET *')
        assert [made.is_for('GET a', 0, name) for name in ('worker-1', 'WORKER-2', 'worker', '')] == [
            True,
            True,
            False,
            False,
        ]
        assert made.matched == 2

    def test_in_parentheses_it_is_called_name_as_well(self) -> None:
        (made,) = make_rules("delay(name='worker-*')")
        assert made == rule('delay', client_name='worker-*')

    @pytest.mark.parametrize('name', ['delay', 'error', 'hang'])
    def test_protocols_without_names(self, name: str) -> None:
        with pytest.raises(OptionError) as caught:
            rule(name, client_name='a').arm(TCP)
        assert str(caught.value) == f'{name}.client_name: clients of tcp tell no name'


class TestFor:
    """It is armed for a while."""

    def test_from_when_it_is_armed(self) -> None:
        time = Time()
        made = rule('delay', **{'for': 30})
        assert made.ends_at is None
        assert [made.arm(Redis, time).ends_at, arm(time).ends_at] == [130.0, None]

    def test_keywords_have_it_with_an_underscore(self) -> None:
        assert rule('delay', for_=30) == rule('delay', **{'for': 30.0})

    def test_exchanges_need_not_be_looked_at_for_it(self) -> None:
        assert not arm(for_=30).is_limited


@pytest.mark.parametrize(
    'limits',
    [
        {'client': '10.0.0.0/8'},
        {'client_name': 'a*'},
        {'once': 'SET *'},
        {'sequence': 'fail,pass'},
        {'cooldown': 5.0},
        {'max_active': 3},
        {'for': 30.0},
    ],
    ids=lambda limits: next(iter(limits)),
)
class TestEach:
    """What all limits have in common."""

    def test_its_text_can_be_armed_again(self, limits: dict[str, Any]) -> None:
        made = rule('delay', 20.0, **limits)
        assert make_rules(format_rules([made])) == (made,)
        (again,) = make_rules([{'name': 'delay', 'percent': 20, **made.status()['options']}])
        assert again == made

    def test_a_rule_behind_it_can_be_reached(self, limits: dict[str, Any]) -> None:
        assert len(make_rules([{'name': 'error', **limits}, {'name': 'delay'}])) == 2


@pytest.mark.parametrize(
    ('option', 'wrong', 'said'),
    [
        ('once', '', 'expected a pattern'),
        ('once', '/(/', 'not a regular expression'),
        ('sequence', 'pass', 'expected fail and pass'),
        ('client', '10.0.0.0/33', 'expected an address or a network, such as 10.0.0.0/8'),
        ('client', '10.0.0.1/8', 'such as 10.0.0.0/8: 10.0.0.1/8 has host bits set'),
        ('client', 'localhost', 'expected an address'),
        ('client', 10, 'expected an address'),
        ('client_name', '', 'expected a pattern'),
        ('cooldown', 0, 'expected float > 0'),
        ('cooldown', -1, 'expected float > 0'),
        ('max_active', 0, 'expected int >= 1'),
        ('for', 0, 'expected float > 0'),
        ('for', 'ever', 'expected a duration'),
    ],
)
def test_mistakes(option: str, wrong: Any, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        Delay.check({option: wrong})
    assert caught.value.path == option
    assert said in caught.value.description
    with pytest.raises(ConfigError):
        make_rules(f"delay({option}='{wrong}')")
