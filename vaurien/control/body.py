"""The bodies that the control API takes. A body is checked as a whole before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vaurien.address import NOWHERE, Address
from vaurien.behaviors.dummy import Dummy
from vaurien.clock import no_pause
from vaurien.config.backend_url import read_other
from vaurien.engine.turns import pausing
from vaurien.errors import AddressError, ConfigError, OptionError
from vaurien.plugins.decision import Decision
from vaurien.plugins.options import did_you_mean, shorten
from vaurien.plugins.registry import NAME
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.behaviors import Options, check_own_options, complete_rules, read_rules
from vaurien.rules.decision import read_decision
from vaurien.rules.rule import Rule, check_protocol
from vaurien.settings import ProxySettings


def read_backend(body: Mapping[str, Any], settings: ProxySettings) -> Address:
    """Return the address in ``{"backend": "localhost:6380"}``, for a proxy with *settings*; raise `ConfigError`."""
    fields = dict(body)
    text = _take_text(fields, 'backend')
    _refuse_rest(fields, 'backend')
    try:
        address = read_other(text, settings)
    except ConfigError as error:
        raise error.within('backend') from None
    if not address.port and address is not NOWHERE:
        raise AddressError(f'{str(address)!r} has no port to connect to', 'backend')
    return address


def read_mark(body: Mapping[str, Any]) -> str:
    """Return the name in ``{"name": "deploy"}``; raise `ConfigError`."""
    fields = dict(body)
    name = _take_text(fields, 'name')
    _refuse_rest(fields, 'name')
    return name


def read_held(body: Mapping[str, Any], protocol: type[BaseProtocol]) -> Decision:
    """Return what becomes of a request of that *protocol* that is held; raise `ConfigError`.

    There are two forms: ``{"decision": "error", "code": 503}``, and ``{"decision": "error(code=503)"}``.
    """
    fields = dict(body)
    text = _take_text(fields, 'decision')
    try:
        return read_decision(text, fields, protocol)
    except ConfigError as error:
        raise error if error.path else error.within('decision') from None


def read_arming(
    body: Mapping[str, Any],
    configured: Options,
    protocol: type[BaseProtocol],
    pause: Callable[[], object] = no_pause,
) -> tuple[Rule, ...]:
    """Return the rules to arm on a proxy of that *protocol*; raise `ConfigError`.

    There are three forms: ``{"name": "delay", "sleep": 2}`` for every exchange;
    ``{"behavior": "20:error,10:delay", "options": {"delay": {"sleep": 2}}}`` for several behaviors by weight; and
    ``{"behaviors": [{"name": "delay", "percent": 20, "sleep": 2}]}``, where no rule lets everything pass.

    An option that is left out has its *configured* value, or else its declared default. *pause* is called after each
    rule.
    """
    fields = dict(body)
    if 'behaviors' in fields:
        key = 'behaviors'
        rules = read_rules(_take_list(fields, key), pause)
        _refuse_rest(fields, key)
    else:
        key = 'name' if 'name' in fields or 'behavior' not in fields else 'behavior'
        text = _take_text(fields, key)
        rules = _read_text(text, key, pause)
        if key == 'name' and NAME.fullmatch(text):
            kind = rules[0].kind
            given = kind.check(fields)
            check_protocol(kind, given, protocol)
            rules = [Rule(kind, given=given)]
        else:
            rules = _take_options(fields, rules, protocol, pause)
            _refuse_rest(fields, key, 'options')
    try:
        return complete_rules(rules, configured, pause=pause)
    except ConfigError as error:
        raise error if error.path else error.within(key) from None


def _read_text(text: str, key: str, pause: Callable[[], object]) -> list[Rule]:
    try:
        return read_rules(text, pause)
    except ConfigError as error:
        raise error.within(key) from None


def _take_options(
    fields: dict[str, Any], rules: Sequence[Rule], protocol: type[BaseProtocol], pause: Callable[[], object]
) -> list[Rule]:
    """Return *rules* with the options in ``{"options": {"delay": {"sleep": 2}}}``, checked."""
    options = _as_object(fields.pop('options', {}), 'options')
    for name, values in options.items():
        _as_object(values, f'options.{name}')
    try:
        given = check_own_options(options, rules)
        for rule in rules:
            _check_protocol(rule.kind, given.get(rule.name, {}), protocol)
            pause()
        return [rule.over(given.get(rule.name, {})) for rule in pausing(rules, pause)]
    except OptionError as error:
        raise error.within('options') from None


def _check_protocol(kind: type[Dummy], values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
    try:
        check_protocol(kind, values, protocol)
    except OptionError as error:
        raise error.within(kind.name) from None


def _as_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OptionError('expected an object', path)
    return value


def _take_list(fields: dict[str, Any], key: str) -> list[Any]:
    value = fields.pop(key)
    if not isinstance(value, list):
        raise ConfigError('expected a list of objects with name, percent and options', key)
    return value


def _take_text(fields: dict[str, Any], key: str) -> str:
    if key not in fields:
        raise ConfigError('missing', key)
    value = fields.pop(key)
    if not isinstance(value, str):
        raise ConfigError(f'expected a text, got {shorten(value)}', key)
    return value


def _refuse_rest(fields: Mapping[str, Any], *known: str) -> None:
    for key in fields:
        raise ConfigError(f'there is no such field, {did_you_mean(key, list(known))}', key)
