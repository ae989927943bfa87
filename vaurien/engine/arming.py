"""What is armed on a proxy, at work: it draws a behavior for every exchange, and makes the faults known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from time import monotonic, perf_counter, time
from typing import Any, Protocol, TypeVar

from msgspec import to_builtins

from vaurien.behaviors.dummy import Dummy
from vaurien.clock import no_pause
from vaurien.engine.addressed import Addressed, AddressedDraws
from vaurien.engine.breakpoints import Breakpoints
from vaurien.engine.turns import pausing
from vaurien.plugins.distribution import Distribution, draw
from vaurien.plugins.end import End
from vaurien.plugins.failures import warn_failed
from vaurien.plugins.handshake import Handshake
from vaurien.plugins.stage import Door, Stage
from vaurien.protocols.base import BaseProtocol
from vaurien.records.faults import Fault
from vaurien.records.observer import ObservedLink, Observers
from vaurien.records.proxy_log import ProxyLog
from vaurien.records.status import RuleStatus
from vaurien.rules.behaviors import Options
from vaurien.rules.rule import Rule
from vaurien.rules.selector import UNKNOWN, Ahead, Describe, Draws, Foreseen, Selector, undescribed
from vaurien.tls.contexts import Legs
from vaurien.tls.needs import check_needs

#: Seconds for which a behavior may keep the event loop from running before a warning names it.
BLOCKED = 0.1

#: The stages that a link passes before its first exchange.
_EARLY: tuple[Stage, ...] = tuple(stage for stage in Stage if stage is not Stage.EXCHANGE)

Plan = TypeVar('Plan')


class LinkDraws(Protocol):
    """What draws for the exchanges of a link, as `Draws` does."""

    reads: bool
    names: bool
    quiet_until: int

    def draw(
        self,
        exchange: int,
        request: bytes = b'',
        describe: Describe = undescribed,
        statement: int = 0,
        client_name: str = '',
    ) -> Rule | None:
        """Return the rule that the exchange draws; None: it passes. Where requests are read, *describe* is given."""

    def look_ahead(self, exchange: int) -> Ahead:
        """Return what is known of the exchanges from that one on, as `Draws` does."""


class Arming:
    """Holds the rules of one proxy, and applies them."""

    def __init__(
        self,
        protocol: type[BaseProtocol],
        legs: Legs | None,
        seed: int,
        loop: Any,
        observers: Observers,
        log: ProxyLog,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """*legs* are those of the links that are TLS; *seed* is what all draws depend on.

        *observers* are told of requests and faults; *log* is that of the proxy; *now* tells the time.
        """
        self._now = now
        self._protocol = protocol
        self._legs = legs
        #: Whether the text of a request depends on where it is.
        self._has_positions = protocol.on_reached is not BaseProtocol.on_reached
        self.seed = seed
        self._loop = loop
        self._observers = observers
        self._log = log
        self._log_fault = log.prepare_info('link %d exchange %d: %s on %s')
        #: The requests that are held until somebody decides.
        self.breakpoints = Breakpoints(log)
        #: Whether replies name the behaviors that were applied, where the protocol can do that.
        self.marks_faults = False
        #: What is armed.
        self.rules: tuple[Rule, ...] = ()
        self._ids: frozenset[int] = frozenset()
        #: Reads what requests ask for themselves; None if they may not.
        self._addressed: Addressed | None = None
        #: None while nothing but ``dummy`` is armed.
        self.selector: Selector | None = None
        #: The same for what comes before exchanges, by stage; and how many of it there were since then.
        self._early: dict[Stage, Selector | None] = dict.fromkeys(_EARLY)
        self._counts: dict[Stage, int] = dict.fromkeys(_EARLY, 0)
        #: Whether a link that opens may draw anything before its first request.
        self.looks_at_connections = False
        #: How the port answers clients that connect.
        self.door = Door.OPEN
        #: Behaviors that were named in a warning.
        self._blamed: set[str] = set()

    def arm(self, rules: Sequence[Rule], pause: Callable[[], object] = no_pause) -> tuple[Rule, ...]:
        """Replace what is armed, and return it; raise `ConfigError` for a rule that cannot be applied here.

        *pause* is called after each rule, before any of them is armed.
        """
        armed = tuple(self.prepare(rule) for rule in pausing(rules, pause))
        self._hold(armed)
        self._counts = dict.fromkeys(_EARLY, 0)
        return armed

    def prepare(self, rule: Rule, *, is_addressed: bool = False, chance: str = '') -> Rule:
        """Return *rule* as it will be at work; raise `ConfigError` if it cannot be applied here.

        *is_addressed*: it is for a request that has asked for it, or was chosen for. *chance* is what chance depends on
        in it.
        """
        check_needs(rule, self._legs)
        return rule.arm(self._protocol, self._now, is_addressed=is_addressed, chance=chance, log=self._log)

    def prepare_chosen(self, rule: Rule, chance: str) -> Rule:
        """Return *rule* as it will be at work for one request, which was chosen for; likewise."""
        return self.prepare(rule, is_addressed=True, chance=chance)

    def take_addressed(self, configured: Callable[[], Options]) -> None:
        """Give requests the faults that they ask for, over the *configured* options of behaviors."""
        self._addressed = Addressed(partial(self.prepare, is_addressed=True), self.seed, configured, self._log)

    def mark_faults(self) -> None:
        """Have replies name the behaviors that are applied, from the next one on."""
        self.marks_faults = True

    def find_over(self) -> list[Rule]:
        """Return the rules whose time is over."""
        now = self._now()
        return [rule for rule in self.rules if rule.ends_at is not None and rule.ends_at <= now]

    def disarm(self, rules: Sequence[Rule]) -> tuple[Rule, ...]:
        """Take *rules* out of what is armed, and return what is left, which goes on counting."""
        ended = frozenset(map(id, rules))
        self._hold(tuple(rule for rule in self.rules if id(rule) not in ended))
        return self.rules

    def has(self, rule: Rule | None) -> bool:
        """Return whether *rule* is armed, and not just one that declares the same; or a request has asked for it."""
        return id(rule) in self._ids or (rule is not None and rule.is_addressed)

    def _hold(self, rules: tuple[Rule, ...]) -> None:
        self.rules, self._ids = rules, frozenset(map(id, rules))
        self.selector = self._select(rules, Stage.EXCHANGE)
        self._early = {stage: self._select(rules, stage) for stage in _EARLY}
        self.looks_at_connections = any(self._early[stage] for stage in (Stage.CONNECTION, Stage.CABLE))
        self.door = next((rule.door for rule in rules if rule.door is not Door.OPEN), Door.OPEN)

    @property
    def lets_open(self) -> bool:
        """Whether links that open pass, and nobody is to know of their requests."""
        asks = self._addressed is not None and self._protocol.takes_addressed
        return not (asks or self.looks_at_connections or self._observers.on_request)

    def foresee(self) -> Foreseen | None:
        """Return what is known of the requests of links that open; None: nothing."""
        selector = self.selector
        if selector is None:
            return None, None
        if selector.has_clients or (selector.is_limited and not selector.learns):
            return None
        return (None, selector.passing) if selector.is_limited else (selector.count_quiet, None)

    def list_rules(self, exchanges: int, pause: Callable[[], object] = no_pause) -> list[RuleStatus]:
        """Return the status of each rule, after so many *exchanges* since they were armed."""
        selectors = self._early | {Stage.EXCHANGE: self.selector}
        counts = self._counts | {Stage.EXCHANGE: exchanges}
        return [_show(rule, selectors[rule.stage], counts[rule.stage]) for rule in pausing(self.rules, pause)]

    def _select(self, armed: Sequence[Rule], stage: Stage) -> Selector | None:
        rules = [rule for rule in armed if rule.stage is stage]
        is_alike = self._protocol.has_texts_alike()
        return Selector(rules, self.seed, is_alike=is_alike) if any(rule.is_harmful for rule in rules) else None

    def draw_delay(self, link: ObservedLink) -> tuple[float, Rule | None]:
        """Return for how many seconds the client of a link waits that has connected, and the rule that says so."""
        nothing: float | Distribution = 0.0
        seconds, rule = self._draw_early(
            Stage.CONNECTION, link, 'connection', lambda behavior: behavior.on_connection(), nothing
        )
        return self._draw_seconds(link, seconds), rule

    def draw_cable(self, link: ObservedLink) -> Rule | None:
        """Return the rule by which the cable of a link is pulled, if there is one."""
        return self._draw_early(Stage.CABLE, link, 'connection', lambda behavior: None, None)[1]

    def draw_handshake(self, link: ObservedLink, text: str) -> tuple[Handshake, Rule | None]:
        """Return what becomes of the handshake of a link, which has that *text*, and the rule that says so."""
        handshake, rule = self._draw_early(
            Stage.HANDSHAKE, link, text, lambda behavior: behavior.on_handshake(), Handshake()
        )
        return handshake._replace(delay=self._draw_seconds(link, handshake.delay)), rule

    def _draw_early(
        self, stage: Stage, link: ObservedLink, text: str, ask: Callable[[Dummy], Plan], passing: Plan
    ) -> tuple[Plan, Rule | None]:
        """Return what a link is to do before its exchanges, and the rule that says so.

        It is recorded as the exchange of number 0, with that *text*. *ask* returns what a behavior says; *passing* is
        to do nothing.
        """
        selector = self._early[stage]
        if selector is None:
            return passing, None
        self._counts[stage] += 1
        draws = _draws(selector, link)
        rule = None if draws is None else draws.draw(0, text.encode(), lambda request: (text, False))
        if rule is None or not rule.is_due():
            return passing, None
        self._record(link, 0, rule.behavior, text)
        try:
            return ask(rule.behavior), rule
        except Exception as error:  # a plug-in may raise anything
            warn_failed(rule.behavior, error, self._log)
            return passing, None

    def _draw_seconds(self, link: ObservedLink, seconds: float | Distribution) -> float:
        return draw(seconds, lambda: Random(f'{self.seed}/{link.number}/0'))

    def draws(self, link: ObservedLink, protocol: BaseProtocol | None = None) -> LinkDraws | None:
        """Return the draws for the exchanges of a link; None if all of them pass.

        *protocol* is what finds its messages; None: they are opaque.
        """
        armed = _draws(self.selector, link, is_alike=protocol is not None and protocol.has_texts_alike())
        draws: Draws | AddressedDraws | None = armed
        if self._addressed is not None and protocol is not None and protocol.takes_addressed:
            find = self._addressed.find
            draws = AddressedDraws(armed, lambda text: _draws(find(text), link), protocol)
        return ObservedDraws(draws, link, self._observers.on_request) if self._observers.on_request else draws

    def begin_fault(
        self,
        link: ObservedLink,
        exchange: int,
        rule: Rule,
        protocol: BaseProtocol,
        position: int,
        request: bytes,
        lead: bytes | None = None,
    ) -> str:
        """Prepare the protocol for a behavior that begins on a request at *position*, and record the fault.

        Return what chance depends on in it.
        """
        chance = rule.chance or f'{self.seed}/{link.number}/{exchange}'
        protocol.begin_fault(request, chance, position, lead)
        self._record(link, exchange, rule.behavior, self.describe(protocol, position, request))
        return chance

    def _record(self, link: ObservedLink, exchange: int, behavior: Dummy, text: str) -> None:
        options = to_builtins(behavior.values, enc_hook=str)
        fault = Fault(
            time=time(), link=link.number, exchange=exchange, behavior=behavior.name, options=options, request=text
        )
        for on_fault in self._observers.on_fault:
            on_fault(fault)
        # In a moment: the time that it takes is not to make a delay longer.
        args = fault.link, fault.exchange, fault.behavior, text
        fields = {'link': fault.link, 'exchange': fault.exchange, 'behavior': fault.behavior, 'request': text}
        self._loop.run_callback(partial(self._log_fault, *args, extra={'proxy': self._log.name, **fields}))

    def on_fault_over(self, rule: Rule, seconds: float) -> None:
        """Record that the behavior of a rule is done, and for how many seconds it has held the exchange."""
        if 'max_active' in rule.limits:  # the call takes time
            rule.leave()
        for on_fault_over in self._observers.on_fault_over:
            on_fault_over(rule.behavior.name, seconds)

    def describe(self, protocol: BaseProtocol, position: int, request: bytes) -> str:
        """Return the text of the request at *position*, for matching and logs."""
        try:
            if self._has_positions:
                protocol.on_reached(position)
            return protocol.describe(request)
        except Exception as error:  # whatever somebody's protocol raises
            warn_failed(protocol, error, self._log)
            return f'{len(request)} bytes'

    def watch(self, behavior: Dummy, step: Callable[..., Any], protocol: BaseProtocol, source: End, dest: End) -> Any:
        """Take one step of a behavior; warn once if the behavior keeps everybody else waiting."""
        iteration, began = self._loop.iteration, perf_counter()
        result = step(protocol, source, dest, True)
        took = perf_counter() - began
        if took > BLOCKED and self._loop.iteration == iteration and behavior.name not in self._blamed:
            self._blamed.add(behavior.name)
            self._log.warning(
                'behavior %s blocked every link for %.1f s: where nothing is patched, sleep with gevent.sleep',
                behavior.name,
                took,
            )
        return result


class ObservedDraws:
    """The draws of one link, whose requests are shown to observers."""

    #: As of `Draws`: every request is read, and none may skip its draw.
    reads = True
    quiet_until = 0

    def __init__(
        self, draws: Draws | AddressedDraws | None, link: ObservedLink, on_request: Sequence[Callable[..., None]]
    ) -> None:
        self._draws = draws
        self.names = draws is not None and draws.names
        self._link = link
        self._on_request = on_request

    def draw(
        self,
        exchange: int,
        request: bytes = b'',
        describe: Describe = undescribed,
        statement: int = 0,
        client_name: str = '',
    ) -> Rule | None:
        """Show the request to the observers; return the rule that the exchange draws, as `Draws` does."""
        text = partial(_describe, describe, request)
        for on_request in self._on_request:
            on_request(self._link, exchange, text)
        return None if self._draws is None else self._draws.draw(exchange, request, describe, statement, client_name)

    def look_ahead(self, exchange: int) -> Ahead:
        """Return that nothing is known: each request is to be shown."""
        return UNKNOWN


def _show(rule: Rule, selector: Selector | None, exchanges: int) -> RuleStatus:
    """Return the status of a rule that *selector* draws, after so many *exchanges* that it may be for."""
    seen = 0 if selector is None else exchanges
    return rule.status(seen, None if selector is None or selector.is_limited else seen)


def _describe(describe: Describe, request: bytes) -> str:
    return describe(request)[0]


def _draws(selector: Selector | None, link: ObservedLink, *, is_alike: bool = False) -> Draws | None:
    if selector is None:
        return None
    if not selector.has_clients:  # to ask the kernel who that is takes time
        return selector.draws(link.number, is_alike=is_alike)
    client = link.client_address
    serving = selector.serve(None if client is None else client.host)
    return None if serving is None else serving.draws(link.number)
