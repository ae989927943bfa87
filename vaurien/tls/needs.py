"""What a rule needs of TLS: one that could never be applied, or not without a package, is not armed."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.stage import Stage
from vaurien.rules.rule import Rule
from vaurien.tls.authority import get_authority
from vaurien.tls.contexts import Legs


def check_needs(rule: Rule, legs: Legs | None) -> None:
    """Raise `OptionError` if *rule* cannot be applied to links with these *legs*; None: without TLS."""
    try:
        _check_options(rule, legs)
    except OptionError as error:
        raise error.within(rule.name) from None


def _check_options(rule: Rule, legs: Legs | None) -> None:
    inside = _find_given(rule, rule.kind.inside_tls)
    is_for_handshakes = rule.stage is Stage.HANDSHAKE
    of_handshakes = _find_given(rule, rule.kind.of_handshakes) or 'match'
    if (inside or is_for_handshakes) and (legs is None or legs.client is None):
        raise OptionError('it needs tls or proxy_tls: TLS is not spoken with clients', inside or of_handshakes)
    if inside and is_for_handshakes:
        raise OptionError('it is for what follows on a handshake, and the rule is for handshakes', inside)
    if rule.kind.needs_authority:
        try:
            get_authority()
        except ConfigError as error:
            raise OptionError(error.description, of_handshakes) from None


def _find_given(rule: Rule, options: Sequence[str]) -> str:
    """Return the first of *options* that has a value; empty: none has."""
    return next((name for name in options if rule.options[name]), '')
