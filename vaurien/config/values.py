"""The values of one section: each is checked and converted, and mistakes have the place where they were written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vaurien.address import Address, parse_place
from vaurien.config.backend_url import read_backend
from vaurien.config.keys import REGISTRIES, SPECS
from vaurien.config.source import Source
from vaurien.errors import ConfigError
from vaurien.plugins.options import convert, did_you_mean
from vaurien.protocols import Protocol
from vaurien.rules.behaviors import check_options, read_rules
from vaurien.rules.toxics import read_toxics

#: What a header can carry as a token (RFC 6750, 2.1). An empty one would be a variable that was never set.
_TOKEN = re.compile('[!-~]+')


def read_options(source: Source, section: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options in the section of a behavior or protocol, checked; raise `ConfigError`."""
    kind, _, name = section.partition('.')
    try:
        checked: dict[str, Any] = REGISTRIES[kind].get(name).check(given, text=source.text)
    except ConfigError as error:
        raise source.error(error, section, *filter(None, [error.path])) from None
    return checked


def read_settings(source: Source, section: str, given: dict[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a section, by the names that *types* has for them; raise `ConfigError`."""
    values = {}
    for key, value in given.items():
        name = key.replace('-', '_')
        try:
            values[name] = _read_setting(name, value, types, source.text)
            if SPECS.keys() <= values.keys():
                raise ConfigError('there is behavior, too: give one of them')
        except ConfigError as error:
            if error.path.startswith(f'{name}['):
                raise source.error(error, section, error.path) from None
            raise source.error(ConfigError(str(error)), section, key) from None
    return values


def _read_setting(name: str, value: Any, types: Mapping[str, Any], text: bool) -> Any:
    type_ = types.get(name)
    if type_ is None:
        known = [setting.replace('_', '-') for setting in types]
        raise ConfigError(f'no such setting, {did_you_mean(name.replace("_", "-"), known)}')
    if type_ is Address:
        parse = read_backend if name == 'backend' else parse_place
        return parse(convert(str(value) if type(value) is int else value, str))
    if name == 'toxics':
        return read_toxics(value)
    if name == 'api_host':
        return _read_names(value)
    if name == 'log_level' and isinstance(value, str):  # Vaurien 1 takes INFO, too
        value = value.lower()
    value = convert(value, type_, text=text)
    if name == 'api_token' and not _TOKEN.fullmatch(value or ''):
        raise ConfigError('expected ASCII characters, and no spaces')  # the message must not show the token
    if name in SPECS:
        return read_rules(value)
    if name == 'options':
        return check_options(value)
    if name == 'protocol':
        Protocol.get(value)
    return value


def _read_names(value: Any) -> tuple[str, ...]:
    names = value.replace(',', ' ').split() if isinstance(value, str) else convert(value, list[str])
    for name in names:
        try:
            Address.parse(f'[{name}]:0' if name.count(':') > 1 else f'{name}:0')
        except ConfigError:
            raise ConfigError(f'{name!r} is not the name of a machine: expected a name without a port') from None
    return tuple(names)
