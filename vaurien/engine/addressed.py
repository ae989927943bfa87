"""Faults that requests ask for themselves: ``X-Vaurien-Fault: error(code=503)``, ``/* vaurien: error */``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vaurien.errors import ConfigError, OptionError
from vaurien.framing.head import TEXT_MAX
from vaurien.plugins.stage import Stage
from vaurien.protocols.base import BaseProtocol
from vaurien.records.proxy_log import ProxyLog
from vaurien.rules.behaviors import Options, complete_rules, read_rules
from vaurien.rules.limits import LIMITS
from vaurien.rules.rule import Rule
from vaurien.rules.selector import UNKNOWN, Ahead, Describe, Draws, Selector, undescribed

#: The most characters of a text that asks for faults.
MAX_TEXT = 1000
#: How many such texts are known, the oldest forgotten first; and of how many that are refused the log has a line.
KNOWN = 256
MAX_WARNINGS = 100

#: The limits that are of no use to one request: from when it is armed, and until another request was seen.
_REFUSED = ('for', 'once')


class Addressed:
    """Makes rules of what requests ask for: of behaviors that are registered, and of nothing that is imported for it.

    Requests with the same text share their rules, and what these count.
    """

    def __init__(
        self, prepare: Callable[[Rule], Rule], seed: int, configured: Callable[[], Options], log: ProxyLog
    ) -> None:
        """*prepare* returns a rule at work, or raises `ConfigError`; *configured* returns the options of behaviors.

        *log* is that of the proxy.
        """
        self._prepare = prepare
        self._seed = seed
        self._configured = configured
        self._log = log
        self._known: dict[str, Selector | None] = {}
        self._warnings = 0

    def find(self, text: str) -> Selector | None:
        """Return what draws for requests that ask for the faults in *text*; None if that is refused."""
        text = text[: MAX_TEXT + 1]
        if text not in self._known:
            if len(self._known) >= KNOWN:
                del self._known[next(iter(self._known))]
            self._known[text] = self._read(text)
        return self._known[text]

    def _read(self, text: str) -> Selector | None:
        try:
            if len(text) > MAX_TEXT:
                raise ConfigError(f'more than {MAX_TEXT} characters')
            rules = complete_rules(read_rules(text), _drop_limits(self._configured()))
            for rule in rules:
                _check(rule)
            return Selector([self._prepare(rule) for rule in rules], self._seed)
        except ConfigError as error:
            self._warn(text, error)
            return None

    def _warn(self, text: str, error: ConfigError) -> None:
        self._warnings += 1
        if self._warnings > MAX_WARNINGS:
            return
        self._log.warning('a request asks for %a and passes: %s', text[:TEXT_MAX], str(error))
        if self._warnings == MAX_WARNINGS:
            self._log.warning('requests have asked for %d texts that are refused: no more are logged', MAX_WARNINGS)


class AddressedDraws:
    """The draws of one link on which requests may ask for faults. Those that do get these, and no others."""

    #: As of `Draws`: every request is read, none may skip its draw, and clients may have names.
    reads = True
    names = True
    quiet_until = 0

    def __init__(self, draws: Draws | None, addressed: Callable[[str], Draws | None], protocol: BaseProtocol) -> None:
        """*draws* are for all other requests; *addressed* returns those for a text."""
        self._draws = draws
        self._addressed = addressed
        self._protocol = protocol

    def draw(
        self,
        exchange: int,
        request: bytes = b'',
        describe: Describe = undescribed,
        statement: int = 0,
        client_name: str = '',
    ) -> Rule | None:
        """Return the rule that the request asks for, or else draws, as `Draws` does."""
        if not self._protocol.describes_itself(request):
            describe(request)  # which finds out what statement is meant
        text = self._protocol.find_asked(request)
        if not text:
            draws = self._draws
            return None if draws is None else draws.draw(exchange, request, describe, statement, client_name)
        draws = self._addressed(text)
        # It is for this statement of several: not for the first of them, as rules without a pattern are.
        return None if draws is None else draws.draw(exchange, request, describe, client_name=client_name)

    def look_ahead(self, exchange: int) -> Ahead:
        """Return that nothing is known: each request may ask for something."""
        return UNKNOWN


def _drop_limits(options: Options) -> dict[str, Mapping[str, Any]]:
    """Return the configured *options*, but for the limits: for which requests it is says who asks."""
    return {
        name: {option: value for option, value in given.items() if option not in LIMITS}
        for name, given in options.items()
    }


def _check(rule: Rule) -> None:
    """Raise `OptionError` for a rule that makes no sense for one request."""
    for name in _REFUSED:
        if name in rule.limits:
            raise OptionError('a request cannot ask for that', f'{rule.name}.{name}')
    if rule.stage is not Stage.EXCHANGE:
        raise OptionError('it is for what comes before any request', rule.name)
