"""What is decided of a request that is held, from what people write: ``pass``, ``cut``, ``error(code=503)``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from vaurien.behaviors.error import Error
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.decision import Action, Decision
from vaurien.plugins.options import Option, convert
from vaurien.plugins.registry import NAME
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.error_options import OPTIONS
from vaurien.rules.grammar import parse_call

ACTIONS: tuple[Action, ...] = get_args(Action)


def list_error_options() -> dict[str, Option]:
    """Return the options of an error for one request: what it is made of, and whether the connection ends behind it."""
    return {**OPTIONS.merged(), 'close': OPTIONS['close']}


def read_decision(spec: str, given: Mapping[str, Any], protocol: type[BaseProtocol]) -> Decision:
    """Return what *spec* decides of a request of *protocol*, with the options that are *given* or written in it.

    Raise `ConfigError` for what cannot be decided, `OptionError` for an option.
    """
    is_text = not NAME.fullmatch(spec)
    options: Mapping[str, Any] = given
    if is_text:
        spec, options, end = _split(spec)
        if end or given:
            raise ConfigError(f'unexpected {end or ", ".join(given)!r} after {spec}(…)')
    action: Action = convert(spec, Action)
    if action != 'error':
        for name in options:
            raise OptionError(f'{action} has no options', name)
        return Decision(action)
    return Decision(action, _read_error(options, protocol, is_text=is_text))


def _split(spec: str) -> tuple[str, dict[str, str], str]:
    name, options, at = parse_call(spec)
    return name, options, spec[at:]


def _read_error(given: Mapping[str, Any], protocol: type[BaseProtocol], *, is_text: bool) -> dict[str, Any]:
    """Return every option of the behavior ``error`` with its value; raise `OptionError`."""
    known = list_error_options()
    values = Error.resolve(given, text=is_text)
    for name in Error.check(given, text=is_text):
        if name not in known:
            raise OptionError('it is for rules, and this is one request', name)
    Error.check_protocol(values, protocol)
    return values
