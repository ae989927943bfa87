"""Settings that a program gives as arguments: what is checked of them when they are given."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.address import Address, parse_place
from vaurien.config.build import build
from vaurien.config.keys import SETTINGS
from vaurien.config.source import read, register
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert, did_you_mean
from vaurien.plugins.units import find_unit
from vaurien.settings import ProxySettings, Settings

#: Where a proxy of a test listens that does not say so.
FREE = Address('127.0.0.1', 0)


def check_settings(settings: Mapping[str, object], others: Sequence[str] = ()) -> dict[str, Any]:
    """Return *settings*, checked: those of TLS, where a mistake could leave a link plain, and those with a unit.

    Raise `ConfigError`; and `TypeError` for a name that none has. It may be meant for one of *others*.
    """
    checked = dict(settings)
    known = Settings.__struct_fields__
    for name in settings.keys() - set(known):
        raise TypeError(f'there is no setting {name!r}, {did_you_mean(name, [*others, *known])}')
    for name, value in settings.items():
        type_ = SETTINGS.get(name)
        if type_ is not None and ('tls' in name or find_unit(type_)):
            try:
                checked[name] = convert(os.fspath(value) if isinstance(value, os.PathLike) else value, type_)
            except OptionError as error:
                raise error.within(name) from None
    return checked


def read_proxies(path: str | os.PathLike[str]) -> dict[str, Settings]:
    """Return the settings of the proxies in a file, by name, each for a free port; raise `ConfigError`.

    What is there for the process, such as the control API, is not among them.
    """
    source = read(os.fspath(path))
    register(source)
    return {proxy.name: _make_own(proxy) for proxy in build(source).each_proxy}


def _make_own(proxy: ProxySettings) -> Settings:
    return Settings(**{**{name: getattr(proxy, name) for name in ProxySettings.__struct_fields__}, 'proxy': FREE})


def find_proxy(path: str | os.PathLike[str], name: str | None) -> Settings:
    """Return the settings of the proxy of that *name* in a file, or of the only one; raise `ConfigError`."""
    proxies = read_proxies(path)
    if name is None and len(proxies) == 1:
        return next(iter(proxies.values()))
    if name is None or name not in proxies:
        problem = 'there is not one proxy' if name is None else f'there is no proxy {name!r}'
        raise ConfigError(f'{problem}, {did_you_mean(name or "", list(proxies))}', os.fspath(path))
    return proxies[name]


def read_address(value: str | Address) -> Address:
    """Return the address to listen on; raise `AddressError`."""
    return value if isinstance(value, Address) else parse_place(value)
