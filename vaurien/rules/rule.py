"""A rule: a behavior, its share of the exchanges, its options, and which exchanges it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import to_builtins

from vaurien.behaviors.dummy import Dummy
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.failures import warn_failed
from vaurien.protocols.base import BaseProtocol
from vaurien.records.status import RuleStatus
from vaurien.rules.match import Ordinals, Pattern

#: How a pattern begins that is for handshakes of TLS.
HANDSHAKE = 'TLS '


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
    #: Its limits: a pattern for requests, ordinal numbers among those that match, and a number of faults.
    match: Pattern | None = field(init=False, repr=False)
    nth: Ordinals | None = field(init=False, repr=False)
    times: int | None = field(init=False, repr=False)
    #: The number of exchanges that matched, and of those that it was applied to. The first is counted only if a rule
    #: of the proxy has limits: otherwise every exchange matches, and none needs to be looked at for that.
    matched: int = field(default=0, init=False, repr=False, compare=False)
    hits: int = field(default=0, init=False, repr=False, compare=False)
    #: The behavior at work. Only what `arm` returns has it.
    behavior: Dummy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Complete the options; raise `OptionError` if two of them contradict each other."""
        self.options = {**self.kind.resolve({}), **self.given}
        written_out = self.kind.translate(self.options)
        self.match, self.nth, self.times = (written_out[name] for name in ('match', 'nth', 'times'))

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
        """Whether it is for some exchanges only."""
        return not (self.match is None and self.nth is None and self.times is None)

    @property
    def is_unmatched(self) -> bool:
        """Whether it is for requests that match a pattern, and there was none."""
        return self.is_harmful and self.match is not None and not self.matched

    @property
    def is_for_handshakes(self) -> bool:
        """Whether it is for handshakes of TLS, and for no request."""
        is_aimed = self.match is not None and self.match.text.upper().startswith(HANDSHAKE)
        return is_aimed or any(self.options[name] for name in self.kind.of_handshakes)

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

    def arm(self, protocol: type[BaseProtocol]) -> Rule:
        """Return the rule at work: with a behavior object of its own, and counters that begin at 0.

        Raise `ConfigError` if the options make no sense for *protocol*.
        """
        try:
            self.kind.check_protocol(self.options, protocol)
        except ConfigError as error:
            raise error.within(self.name) from None
        rule = Rule(self.kind, self.percent, self.given)
        rule.behavior = self.kind(rule.options)
        return rule

    def is_for(self, request: str) -> bool:
        """Count the exchange that begins now if it matches, and return whether the rule is for it."""
        if self.match is not None and not self.match.matches(request):
            return False
        self.matched += 1
        return (self.nth is None or self.matched in self.nth) and (self.times is None or self.hits < self.times)

    def is_due(self) -> bool:
        """Ask the behavior at work whether it applies to an exchange that drew the rule; count the hit if it does.

        ``dummy`` is counted, but never applies. Nor does a behavior that raises an exception, which is logged.
        """
        try:
            # Most behaviors do not define it, and the call takes time.
            is_due = self.kind.is_due is Dummy.is_due or self.behavior.is_due()
        except (Exception, SystemExit) as error:  # a plug-in may raise anything
            warn_failed(self.behavior, error)
            return False
        self.hits += is_due
        return is_due and self.kind.name != Dummy.name

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
