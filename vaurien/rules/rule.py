"""A rule: a behavior, its share of the exchanges, its options, and which exchanges it is for."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any

from msgspec import to_builtins

from vaurien.behaviors.dummy import Dummy
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.failures import warn_failed
from vaurien.plugins.place import Place
from vaurien.plugins.stage import Door, Stage
from vaurien.protocols.base import BaseProtocol
from vaurien.records.proxy_log import NO_PROXY, ProxyLog
from vaurien.records.status import RuleStatus
from vaurien.rules.limits import LIMITS
from vaurien.rules.match import Pattern

#: How a pattern begins that is for handshakes of TLS.
HANDSHAKE = 'TLS '

#: The limits that are about the text of a request; and all without which a rule matches whatever there is.
PATTERNS = ('match', 'once')
AIMS = (*PATTERNS, 'client', 'client_name')


@dataclass(slots=True)
class Rule:
    """A behavior, armed or to be armed. Two rules are equal if they declare the same; their counters do not matter.

    Whoever makes one has looked the behavior up and checked the options: that happens once. `arm` then makes the rule
    that is at work, any number of times.
    """

    kind: type[Dummy]
    #: The share of the exchanges, from 0 to 100.
    percent: float = 100.0
    #: The options that were given, checked.
    given: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    #: Every option with its value, given or default.
    options: dict[str, Any] = field(init=False)
    #: Those of them that are given of `LIMITS`.
    limits: dict[str, Any] = field(init=False, repr=False)
    #: The pattern for requests among these; whether it is for some only of those that match, and what picks them.
    match: Pattern | None = field(init=False, repr=False)
    _chooses: bool = field(init=False, repr=False, compare=False)
    _picks: tuple[Container[int], ...] = field(init=False, repr=False, compare=False)
    #: The number of exchanges that matched, and of those that it was applied to. The first is counted only if a rule
    #: of the proxy has limits: otherwise every exchange matches, and none needs to be looked at for that.
    matched: int = field(default=0, init=False, repr=False, compare=False)
    hits: int = field(default=0, init=False, repr=False, compare=False)
    #: In how many exchanges it is at work, or about to be. It is counted only if there may not be more than so many.
    active: int = field(default=0, init=False, repr=False, compare=False)
    #: The pattern for the request that wakes it; None once it is awake.
    _awaited: Pattern | None = field(init=False, repr=False, compare=False)
    #: Tells the time, in seconds; the log of its proxy; and when it may be applied again, and is armed no longer.
    _now: Callable[[], float] = field(default=monotonic, init=False, repr=False, compare=False)
    _log: ProxyLog = field(default=NO_PROXY, init=False, repr=False, compare=False)
    _rests_until: float = field(default=0.0, init=False, repr=False, compare=False)
    ends_at: float | None = field(default=None, init=False, repr=False, compare=False)
    #: Whether a request has asked for it: then it is not among those that are armed.
    is_addressed: bool = field(default=False, init=False, repr=False, compare=False)
    #: What chance depends on where it is applied; empty: on the link and the exchange.
    chance: str = field(default='', init=False, repr=False, compare=False)
    #: The behavior at work. Only what `arm` returns has it.
    behavior: Dummy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Complete the options; raise `OptionError` if two of them contradict each other."""
        self.options = {**self.kind.resolve({}), **self.given}
        written_out = self.kind.translate(self.options)
        self.limits = {name: written_out[name] for name in LIMITS if written_out[name] is not None}
        self.match, self._awaited = self.limits.get('match'), self.limits.get('once')
        self._picks = tuple(self.limits[name] for name in ('nth', 'sequence') if name in self.limits)
        self._chooses = not self.limits.keys() <= {*AIMS, 'for'}

    @property
    def name(self) -> str:
        """The name of the behavior."""
        return self.kind.name

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
        `chance` is, *log* that of the proxy. Raise `ConfigError` if the options make no sense for *protocol*.
        """
        try:
            self._check_stage()
            check_protocol(self.kind, self.options, protocol)
        except ConfigError as error:
            raise error.within(self.name) from None
        rule = Rule(self.kind, self.percent, self.given)
        rule.behavior = self.kind(rule.options)
        rule._now = now
        rule._log = log
        rule.is_addressed = is_addressed
        rule.chance = chance
        rule.ends_at = now() + self.limits['for'] if 'for' in self.limits else None
        return rule

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

    def status(self, seen: int = 0, matched: int | None = None) -> RuleStatus:
        """Return what the control API shows. There were *seen* exchanges since it was armed.

        *matched* is how many of them have matched, if they were not counted.
        """
        return {
            'name': self.name,
            'percent': self.percent,
            'options': to_builtins(self.options, enc_hook=str),
            'seen': seen,
            'matched': self.matched if matched is None else matched,
            'hits': self.hits,
        }


def check_protocol(kind: type[Dummy], values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
    """Raise `OptionError` for an option of a behavior, or a limit, that makes no sense for *protocol*."""
    kind.check_protocol(values, protocol)
    if values.get('client_name') is not None and not protocol.names_clients:
        raise OptionError(f'clients of {protocol.name} tell no name', 'client_name')
