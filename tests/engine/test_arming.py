"""What is armed, at work: rules and draws, faults that begin, steps that block; without a socket.

What is drawn is in `tests/rules/test_selector.py`; that a fault is told before anything else can happen on its link, in
`tests/records/test_observer.py`. `test_end` has a step that blocks the whole proxy, `test_dispatcher` a protocol that
cannot describe a request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.arming import UNAIMED, rule
from vaurien.address import Address
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.dummy import Dummy
from vaurien.engine import arming as arming_module
from vaurien.engine.arming import BLOCKED, Arming, ObservedDraws
from vaurien.errors import ConfigError
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.http import HTTP
from vaurien.protocols.redis import Redis
from vaurien.protocols.tcp import TCP
from vaurien.records.counts import Counts
from vaurien.records.faults import Fault
from vaurien.records.observer import ObservedLink, Observer, Observers
from vaurien.records.proxy_log import NO_PROXY
from vaurien.rules.rule import Rule
from vaurien.rules.selector import Draws

PING = b'*1\r\n$4\r\nPING\r\n'


@dataclass
class FakeLink:
    """What is known of a link."""

    number: int = 3
    client_address: Address | None = None

    def counts(self) -> Counts:
        return Counts()


@dataclass
class FakeLoop:
    """An event loop that runs when the test says so."""

    iteration: int = 0
    _callbacks: list[tuple[Callable[..., object], tuple[Any, ...]]] = field(default_factory=list)

    def run_callback(self, function: Callable[..., object], *args: object) -> None:
        self._callbacks.append((function, args))

    def run(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for function, args in callbacks:
            function(*args)


class Witness(Observer):
    """Wants to know of everything but links."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def on_request(self, link: ObservedLink, exchange: int, describe: Callable[[], str]) -> None:
        self.seen.append((link.number, exchange, describe()))

    def on_fault(self, fault: Fault) -> None:
        self.seen.append(fault)

    def on_fault_over(self, behavior: str, seconds: float) -> None:
        self.seen.append((behavior, seconds))


class Counting(Observer):
    """Wants to know of faults, and of no request."""

    def on_fault(self, fault: Fault) -> None: ...


def make(protocol: type[BaseProtocol] = Redis, *observers: Observer, loop: FakeLoop | None = None) -> Arming:
    return Arming(protocol, None, 7, loop or FakeLoop(), Observers(observers), NO_PROXY)


class TestRules:
    def test_nothing_is_armed_at_first(self) -> None:
        arming = make()
        assert (arming.rules, arming.selector, arming.draws(FakeLink())) == ((), None, None)

    @pytest.mark.parametrize(
        ('rules', 'is_harmful'),
        [
            ([], False),
            ([rule('dummy')], False),
            ([rule('delay', 0)], False),
            ([rule('dummy', 50), rule('delay', 0.1)], True),
        ],
    )
    def test_links_draw_if_any_rule_can_do_harm(self, rules: list[Any], is_harmful: bool) -> None:
        arming = make()
        arming.arm(rules)
        assert [one.name for one in arming.rules] == [one.name for one in rules]
        assert isinstance(arming.draws(FakeLink()), Draws) == (arming.selector is not None) == is_harmful

    def test_each_time_the_counters_begin_at_0(self) -> None:
        arming, declared = make(), rule('delay', times=1)
        arming.arm([declared])
        (first,) = arming.rules
        assert first.is_due()
        arming.arm([declared])
        (second,) = arming.rules
        assert (first.hits, second.hits, first.behavior is second.behavior) == (1, 0, False)

    def test_what_the_protocol_cannot_have_changes_nothing(self) -> None:
        arming = make(Redis)
        arming.arm([rule('delay')])
        before = arming.rules, arming.selector
        with pytest.raises(ConfigError, match=r'error\.code.*redis'):
            arming.arm([rule('hang'), rule('error', code=503)])
        assert (arming.rules, arming.selector) == before

    def test_draws_depend_on_the_seed_and_the_link(self) -> None:
        arming = make()
        arming.arm([rule('error', 50)])

        def story(link: int) -> list[bool]:
            draws = arming.draws(FakeLink(link))
            assert draws is not None
            return [draws.draw(exchange) is not None for exchange in range(50)]

        assert story(1) == story(1) != story(2)


class TestObservedDraws:
    """Requests are looked at for the sake of an observer that wants to know of them, and of no other."""

    def test_no_observer_wants_to_know(self) -> None:
        arming = make(Redis, Counting(), Observer())
        assert arming.draws(FakeLink()) is None
        arming.arm([rule('delay')])
        assert isinstance(arming.draws(FakeLink()), Draws)

    def test_every_request_is_shown_if_nothing_is_armed(self) -> None:
        witness = Witness()
        draws = make(Redis, witness).draws(FakeLink())
        assert isinstance(draws, ObservedDraws)
        assert (draws.reads, draws.quiet_until) == (True, 0), 'no request may be left out'
        for exchange in (1, 2):
            assert draws.draw(exchange, PING, lambda request: (request.decode(), True)) is None
        assert witness.seen == [(3, 1, PING.decode()), (3, 2, PING.decode())]

    def test_what_is_drawn_is_the_same(self) -> None:
        rules = [rule('error', 30), rule('delay', 20, match='PING*')]
        told = []
        for observers in ([], [Witness(), Witness()]):
            arming = make(Redis, *observers)
            arming.arm(rules)
            draws = arming.draws(FakeLink())
            assert draws is not None
            drawn = [draws.draw(exchange, PING, lambda request: ('PING', True)) for exchange in range(100)]
            told.append([None if one is None else one.name for one in drawn])
        assert told[0] == told[1]
        assert {*told[0]} == {None, 'error', 'delay'}

    def test_the_text_is_made_if_somebody_asks_for_it(self) -> None:
        class Incurious(Observer):
            def on_request(self, link: ObservedLink, exchange: int, describe: Callable[[], str]) -> None: ...

        def describe(request: bytes) -> tuple[str, bool]:
            raise AssertionError

        draws = make(Redis, Incurious()).draws(FakeLink())
        assert draws is not None
        assert draws.draw(1, PING, describe) is None


class TestFaults:
    @pytest.fixture
    def delay(self) -> Rule:
        return rule('delay', sleep=0.5).arm(Redis)

    def test_it_is_told_at_once_and_logged_in_a_moment(self, delay: Rule, caplog: pytest.LogCaptureFixture) -> None:
        """Whatever the behavior then does, and though to log may take longer than it."""
        witness, loop, protocol = Witness(), FakeLoop(), Redis()
        arming = make(Redis, witness, loop=loop)
        with caplog.at_level(logging.INFO):
            arming.begin_fault(FakeLink(), 12, delay, protocol, 40, PING)
            (fault,) = witness.seen
            assert isinstance(fault, Fault)
            assert (fault.link, fault.exchange, fault.behavior, fault.request) == (3, 12, 'delay', 'PING')
            assert fault.options == {'sleep': 0.5, 'before': True, **UNAIMED}
            assert caplog.messages == []
            loop.run()
        assert caplog.messages == ['link 3 exchange 12: delay on PING']

    def test_options_are_ready_for_json(self) -> None:
        witness = Witness()
        armed = rule('delay', match='GET /*', nth='1-2').arm(HTTP)
        make(HTTP, witness).begin_fault(FakeLink(), 1, armed, HTTP(), 0, b'')
        (fault,) = witness.seen
        assert isinstance(fault, Fault)
        assert (fault.options['match'], fault.options['nth']) == ('GET /*', '1-2')

    def test_the_protocol_knows_the_request_and_has_chance_of_its_own(self, delay: Rule) -> None:
        """The seed, the link and the exchange decide, and nothing else."""
        arming, protocol = make(), Redis()

        def chance(link: int, exchange: int) -> float:
            arming.begin_fault(FakeLink(link), exchange, delay, protocol, 0, PING)
            assert protocol.request == PING
            return protocol.random.random()

        numbers = [chance(1, 1), chance(1, 2), chance(2, 1), chance(1, 1)]
        assert len({*numbers}) == 3
        assert numbers[0] == numbers[3]

    def test_a_rule_may_have_chance_of_its_own(self, delay: Rule) -> None:
        arming, protocol = make(), Redis()
        assert arming.begin_fault(FakeLink(), 12, delay, protocol, 0, PING) == '7/3/12'
        drawn = protocol.random.random()
        chosen = arming.prepare_chosen(delay, '7/3/12')
        assert arming.begin_fault(FakeLink(4), 1, chosen, protocol, 0, PING) == '7/3/12'
        assert protocol.random.random() == drawn

    def test_the_end_is_told(self) -> None:
        witness = Witness()
        make(Redis, witness).on_fault_over(rule('delay').arm(Redis), 0.25)
        assert witness.seen == [('delay', 0.25)]


class TestDescribing:
    def test_a_protocol_that_knows_where_it_is(self) -> None:
        class Positioned(BaseProtocol):
            name = 'positioned'
            reached = -1

            def on_reached(self, position: int) -> None:
                self.reached = position

            def describe(self, request: bytes) -> str:
                return f'{request.decode()} at {self.reached}'

        assert make(Positioned).describe(Positioned(), 40, b'this') == 'this at 40'

    @pytest.mark.parametrize('method', ['describe', 'on_reached'])
    def test_a_protocol_that_raises(self, caplog: pytest.LogCaptureFixture, method: str) -> None:
        def fail(self: BaseProtocol, *args: Any) -> str:
            raise LookupError('no idea')

        kind = type('Clueless', (BaseProtocol,), {'name': 'clueless', method: fail})
        with caplog.at_level(logging.WARNING):
            assert make(kind).describe(kind(), 0, PING) == '14 bytes'
        assert caplog.messages == ['clueless failed: LookupError: no idea']


class TestSteps:
    """A step that lets nothing else run for too long is named once."""

    @pytest.fixture
    def times(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The times between which steps are taken: each pair is one step."""
        times: list[float] = []
        monkeypatch.setattr(arming_module, 'perf_counter', lambda: times.pop(0))
        return times

    def take(self, arming: Arming, step: Callable[..., Any], behavior: Dummy | None = None) -> Any:
        source, dest = object(), object()
        return arming.watch(behavior or Delay(), step, TCP(), source, dest)  # type: ignore[arg-type]

    def test_it_is_given_what_it_needs(self, times: list[float]) -> None:
        times += [0.0, 0.0]
        got = self.take(make(), lambda *args: args)
        assert (type(got[0]), type(got[1]), type(got[2]), got[3]) == (TCP, object, object, True)

    def test_one_that_blocks_is_named_once(self, times: list[float], caplog: pytest.LogCaptureFixture) -> None:
        times += [0.0, BLOCKED * 0.9, 0.0, BLOCKED * 1.9, 0.0, BLOCKED * 2, 0.0, BLOCKED * 3]
        arming, other = make(), type('Other', (Dummy,), {'name': 'other'})()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                self.take(arming, lambda *args: None)
            self.take(arming, lambda *args: None, other)
        advice = 'where nothing is patched, sleep with gevent.sleep'
        assert caplog.messages == [
            f'behavior delay blocked every link for 0.2 s: {advice}',
            f'behavior other blocked every link for 0.3 s: {advice}',
        ]

    def test_one_that_lets_others_run_is_not(self, times: list[float], caplog: pytest.LogCaptureFixture) -> None:
        times += [0.0, 100.0]
        loop = FakeLoop()

        def sleep(*args: object) -> None:
            loop.iteration += 1

        with caplog.at_level(logging.WARNING):
            self.take(make(Redis, loop=loop), sleep)
        assert caplog.messages == []

    def test_what_it_raises_is_raised(self, times: list[float]) -> None:
        times += [0.0, 0.0]

        def fail(*args: object) -> None:
            raise LookupError('no idea')

        with pytest.raises(LookupError, match='no idea'):
            self.take(make(), fail)
