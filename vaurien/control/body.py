"""The bodies that the control API takes, checked whole before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.address import Address
from vaurien.behaviors import Behavior
from vaurien.errors import AddressError, ConfigError, OptionError
from vaurien.plugins.options import did_you_mean
from vaurien.plugins.registry import NAME
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.behaviors import Entry, make_armed, read_spec
from vaurien.rules.grammar import Item


def read_backend(body: Mapping[str, Any]) -> Address:
    """The address in ``{"backend": "localhost:6380"}``; raises `ConfigError`."""
    fields = dict(body)
    text = _take_text(fields, 'backend')
    _refuse_rest(fields, 'backend')
    try:
        address = Address.parse(text)
    except AddressError as error:
        raise error.within('backend') from None
    if not address.port:
        raise AddressError(f'{text!r} has no port that can be connected to', 'backend')
    return address


def read_arming(
    body: Mapping[str, Any], configured: Mapping[str, Mapping[str, Any]], protocol: type[BaseProtocol]
) -> tuple[Entry, ...]:
    """The entries to arm, on a proxy of that *protocol*, from ``{"name": "delay", "sleep": 2}``, or, weighted, from
    ``{"behavior": "20:error,10:delay", "options": {"delay": {"sleep": 2}}}``, or from
    ``{"behaviors": [{"name": "delay", "percent": 20, "sleep": 2}]}``.

    An option that is not there takes its *configured* value, else its declared default. Raises `ConfigError`.
    """
    fields = dict(body)
    if 'behaviors' in fields:
        given_items = fields.pop('behaviors')
        _refuse_rest(fields, 'behaviors')
        if not isinstance(given_items, list) or not given_items:
            raise ConfigError('expected a list of objects with name, percent and options', 'behaviors')
        return _arm(read_spec(given_items), {}, configured, 'behaviors')
    key = 'name' if 'name' in fields or 'behavior' not in fields else 'behavior'
    spec = _take_text(fields, key)
    items = _read_items(spec, key)
    if key == 'name' and NAME.fullmatch(spec):
        given = {spec: _check(spec, fields, protocol)}
    else:
        options = _as_object(fields.pop('options', {}), 'options')
        names = [item.name for item in items]
        given = {name: _check_among(names, name, values, protocol) for name, values in options.items()}
        _refuse_rest(fields, key, 'options')
    return _arm(items, given, configured, key)


def _arm(
    items: Sequence[Item], given: Mapping[str, Mapping[str, Any]], configured: Mapping[str, Mapping[str, Any]], key: str
) -> tuple[Entry, ...]:
    try:
        return make_armed(items, given, configured)
    except ConfigError as error:
        raise error if error.path else error.within(key) from None


def _read_items(spec: str, key: str) -> list[Item]:
    try:
        return read_spec(spec)
    except ConfigError as error:
        raise error.within(key) from None


def _check_among(names: list[str], name: str, values: Any, protocol: type[BaseProtocol]) -> dict[str, Any]:
    path = f'options.{name}'
    if name not in names:
        raise OptionError(f'{name!r} is not among what is to be armed, {did_you_mean(name, names)}', path)
    given = _as_object(values, path)
    try:
        return _check(name, given, protocol)
    except OptionError as error:
        raise error.within(path) from None


def _check(name: str, values: dict[str, Any], protocol: type[BaseProtocol]) -> dict[str, Any]:
    behavior = Behavior.get(name)
    checked = behavior.check(values)
    behavior.check_protocol(checked, protocol)
    return checked


def _as_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OptionError('expected an object', path)
    return value


def _take_text(fields: dict[str, Any], key: str) -> str:
    if key not in fields:
        raise ConfigError('missing', key)
    value = fields.pop(key)
    if not isinstance(value, str):
        raise ConfigError(f'expected a text, got {value!r}', key)
    return value


def _refuse_rest(fields: Mapping[str, Any], *known: str) -> None:
    for key in fields:
        raise ConfigError(f'there is no such field, {did_you_mean(key, list(known))}', key)
