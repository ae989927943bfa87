"""A rule: a behavior, its share of the exchanges, its options, and which exchanges it is for."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any

from msgspec import to_builtins

from vaurien.behaviors.dummy import Dummy
from vaurien.errors import ConfigError, OptionError, PluginError, describe_error
from vaurien.plugins.failures import warn_failed
from vaurien.plugins.place import Place
from vaurien.plugins.stage import Door, Stage
from vaurien.protocols.base import BaseProtocol
from vaurien.records.proxy_log import NO_PROXY, ProxyLog
from vaurien.records.status import RuleStatus
from vaurien.rules.grammar import Term, format_term
from vaurien.rules.limits import LIMITS
from vaurien.rules.match import Pattern

#: How a pattern begins that is for handshakes of TLS.
HANDSHAKE = 'TLS '

#: The limits that are about the text of a request; and all without which a rule matches whatever there is.
PATTERNS = ('match', 'once')
AIMS = (*PATTERNS, 'client', 'client_name')


class Rule:
    """A behavior, armed or to be armed. Two rules are equal if they declare the same; their counters do not matter.

    Whoever makes one has looked the behavior up and checked the options: that happens once. `arm` then makes the rule
    that is at work, any number of times.
    """

    __slots__ = (
        *('kind', 'percent', 'given', 'options', 'limits', 'match', '_chooses', '_picks', 'matched', 'hits', 'active'),
        *('_awaited', '_now', '_log', '_rests_until', 'ends_at', 'is_addressed', 'chance', 'behavior'),
        '_text',
    )

    def __init__(self, kind: type[Dummy], percent: float = 100.0, given: Mapping[str, Any] | None = None) -> None:
        """Take what was looked up and checked: the behavior, its *percent* of the exchanges, and the options *given*.

        Raise `OptionError` if two options contradict each other, `PluginError` if the behavior fails to say so.
        """
        self.kind = kind
        self.percent = percent
        self.given: Mapping[str, Any] = {} if given is None else given
        #: Every option with its value, given or default.
        self.options: dict[str, Any] = {**kind.resolve({}), **self.given}
        with _blaming(kind):
            written_out = kind.translate(self.options)
        #: Those of them that are given of `LIMITS`.
        self.limits: dict[str, Any] = {name: written_out[name] for name in LIMITS if written_out[name] is not None}
        #: The pattern for requests among these; whether it is for some only of those that match, and what picks them.
        self.match: Pattern | None = self.limits.get('match')
        self._chooses = not self.limits.keys() <= {*AIMS, 'for'}
        self._picks: tuple[Container[int], ...] = tuple(
            self.limits[name] for name in ('nth', 'sequence') if name in self.limits
        )
        #: The number of exchanges that matched, and of those that it was applied to. The first is counted only if a
        #: rule of the proxy has limits: otherwise every exchange matches, and none needs to be looked at for that.
        self.matched = 0
        self.hits = 0
        #: In how many exchanges it is at work, or about to be; counted only if there may not be more than so many.
        self.active = 0
        #: The pattern for the request that wakes it; None once it is awake.
        self._awaited: Pattern | None = self.limits.get('once')
        #: Tells the time, in seconds; the log of its proxy; and when it may be applied again, and is armed no longer.
        self._now: Callable[[], float] = monotonic
        self._log: ProxyLog = NO_PROXY
        self._rests_until = 0.0
        self.ends_at: float | None = None
        #: Whether a request has asked for it: then it is not among those that are armed.
        self.is_addressed = False
        #: Its text, once somebody has asked for that: making it takes thirty times as long as the rest of its status.
        self._text = ''
        #: What chance depends on where it is applied; empty: on the link and the exchange.
        self.chance = ''
        #: The behavior at work. Only what `arm` returns has it.
        self.behavior: Dummy

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rule):
            return NotImplemented
        return (self.kind, self.percent) == (other.kind, other.percent) and self.options == other.options

    def __repr__(self) -> str:
        return f'Rule({self.name}, {self.percent}, {self.options})'

    @property
    def name(self) -> str:
        """The name of the behavior."""
        return self.kind.name

    @property
    def chosen(self) -> dict[str, Any]:
        """The options that are not at their defaults."""
        defaults = self.kind.resolve({})
        return {name: value for name, value in self.options.items() if value != defaults[name]}

    @property
    def text(self) -> str:
        """The text that arms it alone, with these options."""
        self._text = self._text or format_term(Term(self.name, self.percent, self.chosen), alone=True)
        return self._text

    @property
    def is_harmful(self) -> bool:
        """Whether an exchange may ever draw it, and not pass then."""
        return self.kind.name != Dummy.name and self.percent > 0

    @property
    def is_limited(self) -> bool:
        """Whether it is for some exchanges only, as long as it is armed."""
        return not self.limits.keys() <= {'for'}

    @property
    def leaves_some(self) -> bool:
        """Whether it leaves some of the requests that it matches to the rules behind it, whatever its percent is."""
        return not self.limits.keys() <= {'match'}

    @property
    def is_unmatched(self) -> bool:
        """Whether it is for requests that fit a pattern, or for some clients, and there was none."""
        return self.is_harmful and not self.matched and not self.limits.keys().isdisjoint(AIMS)

    @property
    def stage(self) -> Stage:
        """What it is for: its options may say that it is for handshakes of TLS."""
        if self.kind.stage is not Stage.EXCHANGE:
            return self.kind.stage
        is_aimed = self.match is not None and self.match.text.upper().startswith(HANDSHAKE)
        given = (self.options[name] for name in self.kind.of_handshakes)
        is_for_handshakes = is_aimed or any(value and not (isinstance(value, Place) and value.unit) for value in given)
        return Stage.HANDSHAKE if is_for_handshakes else Stage.EXCHANGE

    @property
    def door(self) -> Door:
        """How the port answers while it is armed."""
        return self.kind.door if self.percent == 100 and not self.is_limited else Door.OPEN

    def over(self, *defaults: Mapping[str, Any]) -> Rule:
        """Return the rule with checked options from *defaults* where none was given, the first of them first.

        Raise `OptionError` if two options contradict each other.
        """
        given: dict[str, Any] = {}
        for options in (*reversed(defaults), self.given):
            given |= options
        try:
            return Rule(self.kind, self.percent, given)
        except OptionError as error:
            raise error.within(self.name) from None

    def arm(
        self,
        protocol: type[BaseProtocol],
        now: Callable[[], float] = monotonic,
        *,
        is_addressed: bool = False,
        chance: str = '',
        log: ProxyLog = NO_PROXY,
    ) -> Rule:
        """Return the rule at work: with a behavior object of its own, and counters that begin at 0.

        *now* tells the time; *is_addressed*: a request has asked for it, or it was chosen for one. *chance* is what
        `chance` is, *log* that of the proxy. Raise `ConfigError` if the options make no sense for *protocol*, or if the
        behavior cannot be made.
        """
        try:
            self._check_stage()
            check_protocol(self.kind, self.options, protocol)
        except ConfigError as error:
            raise error.within(self.name) from None
        rule = Rule(self.kind, self.percent, self.given)
        with _blaming(self.kind):
            rule.behavior = self.kind(rule.options)
        if not hasattr(rule.behavior, 'values'):
            raise PluginError(f'{self.name} failed: its __init__ does not call super().__init__(options)')
        rule._now = now
        rule._log = log
        rule.is_addressed = is_addressed
        rule.chance = chance
        rule.ends_at = now() + self.limits['for'] if 'for' in self.limits else None
        return rule

    def rest(self) -> Rule | None:
        """Return the rule as it was before it was armed, for the time that is left to it; None if that is over."""
        if self.ends_at is None:
            return Rule(self.kind, self.percent, self.given)
        left = self.ends_at - self._now()
        return Rule(self.kind, self.percent, {**self.given, 'for': left}) if left > 0 else None

    def _check_stage(self) -> None:
        """Raise `ConfigError` for a limit that has no meaning before a request."""
        stage = self.stage
        if stage is not Stage.EXCHANGE and 'max_active' in self.limits:
            raise OptionError('it counts exchanges, and this rule is for what comes before them', 'max_active')
        if self.kind.stage is Stage.EXCHANGE:
            for name in self.kind.of_handshakes if stage is Stage.HANDSHAKE else ():
                if isinstance(place := self.options[name], Place) and place.unit:
                    raise OptionError('it is a place in a reply, and this rule is for handshakes of TLS', name)
            return
        for name in (*PATTERNS, 'client_name'):
            if name in self.limits:
                raise OptionError('it is for connections, which say nothing', name)
        is_for_all = stage is Stage.CONNECTION and self.kind.door is not Door.OPEN
        if is_for_all and (self.percent not in (0, 100) or self.is_limited):
            raise ConfigError('it is for all clients or none: what answers them is the port, not a program')

    def serves(self, host: str | None) -> bool:
        """Return whether it is for clients at *host*; None: nobody knows any more where that is."""
        return 'client' not in self.limits or host in self.limits['client']

    def is_for(self, request: str, statement: int = 0, client_name: str = '') -> bool:
        """Count the exchange that begins now if it matches, and return whether the rule is for it.

        Rules without a pattern are for the first *statement* of an exchange. *client_name* is how the client calls
        itself.
        """
        if self._awaited is not None:
            if self._awaited.matches(request):
                self._awaited = None
            return False
        if not (not statement if self.match is None else self.match.matches(request)):
            return False
        if 'client_name' in self.limits and not self.limits['client_name'].matches(client_name):
            return False
        self.matched += 1
        return not self._chooses or self._is_chosen()

    def _is_chosen(self) -> bool:
        """Return whether it is for the exchange that has matched last, whatever others have matched before it."""
        limits = self.limits
        return (
            all(self.matched in pick for pick in self._picks)
            and self.hits < limits.get('times', inf)
            and self.active < limits.get('max_active', inf)
            and ('cooldown' not in limits or self._now() >= self._rests_until)
        )

    def is_due(self) -> bool:
        """Ask the behavior at work whether it applies to an exchange that drew the rule; count the hit if it does.

        ``dummy`` is counted, but never applies. Nor does a behavior that raises an exception, which is logged.
        """
        try:
            # Most behaviors do not define it, and the call takes time.
            is_due = self.kind.is_due is Dummy.is_due or self.behavior.is_due()
        except (Exception, SystemExit) as error:  # a plug-in may raise anything
            warn_failed(self.behavior, error, self._log)
            return False
        self.hits += is_due
        if not is_due or self.kind.name == Dummy.name:
            return False
        self.active += 'max_active' in self.limits
        if 'cooldown' in self.limits:
            self._rests_until = self._now() + self.limits['cooldown']
        return True

    def leave(self) -> None:
        """Count an exchange no longer that it was due for: it is over."""
        self.active -= 'max_active' in self.limits

    def take_back(self) -> None:
        """Count a hit no longer: its exchange never begins, so that nobody has met a fault."""
        self.hits -= 1
        if 'cooldown' in self.limits:
            self._rests_until = self._now()

    def status(self, seen: int = 0, matched: int | None = None) -> RuleStatus:
        """Return what the control API shows. There were *seen* exchanges since it was armed.

        *matched* is how many of them have matched, if they were not counted.
        """
        status: RuleStatus = {
            'name': self.name,
            'percent': self.percent,
            'text': self.text,
            'options': to_builtins(self.options, enc_hook=str),
            'seen': seen,
            'matched': self.matched if matched is None else matched,
            'hits': self.hits,
        }
        if self.ends_at is not None:
            status['left'] = max(0.0, round(self.ends_at - self._now(), 3))
        return status


def list_rests(rules: Iterable[Rule]) -> list[Rule]:
    """Return what arms *rules* again, each for the time that is left to it, without those whose time is over."""
    return [rest for rule in rules if (rest := rule.rest()) is not None]


def check_protocol(kind: type[Dummy], values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
    """Raise `OptionError` for an option of a behavior, or a limit, that makes no sense for *protocol*."""
    with _blaming(kind):
        kind.check_protocol(values, protocol)
    if values.get('client_name') is not None and not protocol.names_clients:
        raise OptionError(f'clients of {protocol.name} tell no name', 'client_name')


@contextmanager
def _blaming(kind: type[Dummy]) -> Iterator[None]:
    """Have what somebody's behavior raises within the block be a `PluginError` that names it."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        raise PluginError(f'{kind.name} failed: {describe_error(error)}') from error
