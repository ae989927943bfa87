"""The settings that sources make: a file, and flags over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from vaurien.address import Address
from vaurien.config.backend_url import URLAddress
from vaurien.config.keys import PROXY_SETTINGS, SETTINGS, SPECS
from vaurien.config.schedules import SECTION, locate_step, read_section
from vaurien.config.source import Sections, Source
from vaurien.config.values import read_options, read_settings
from vaurien.errors import ConfigError
from vaurien.plugins.distribution import reading_files
from vaurien.rules.behaviors import Options, complete_rules
from vaurien.schedule.schedule import Schedule
from vaurien.settings import SERVER_PORT, ProxySettings, Settings
from vaurien.web.segment import check_name

#: Where a proxy of several listens by default.
ANYWHERE = Address('localhost', 0)


class _Given(NamedTuple):
    """What the sources give."""

    #: That of the process, and those of the proxies by the names of their sections.
    common: _Section
    proxies: dict[str, _Section]
    behavior_options: Sections
    protocol_options: Sections
    schedule: Schedule | None


@reading_files()
def build(*sources: Source) -> Settings:
    """Return the settings that *sources* make, a later one over an earlier one; raise `ConfigError`."""
    given = _collect(sources)
    config = given.common.values.pop('toxiproxy_config', None)
    is_server = given.common.values.pop('server', False) or config is not None
    process = _complete(given, is_server=is_server)
    if given.proxies or is_server:
        given.common.refuse('proxy', 'each proxy needs an address of its own: there are several proxies, or none yet')
        process = msgspec.structs.replace(process, proxies=())
        process = msgspec.structs.replace(process, proxies=_make_proxies(given, process.defaults, config))
        if not (process.proxies or process.http):
            given.common.refuse('http', 'without the control API there will never be a proxy')
    _check_ports(process, given, config)
    return process


def _collect(sources: Sequence[Source]) -> _Given:
    """Return what all *sources* give, a later one over an earlier one; raise `ConfigError`."""
    common = _Section(SETTINGS)
    proxies: dict[str, _Section] = {}
    options: dict[str, Sections] = {'behavior': {}, 'protocol': {}}
    schedule: Schedule | None = None
    for source in sources:
        for section, given in source.sections.items():
            kind, _, name = section.partition('.')
            if kind in options:
                options[kind].setdefault(name, {}).update(read_options(source, section, given))
            elif section == SECTION:
                schedule = read_section(source, given)
            elif section == 'vaurien':
                common.read(source, section, given)
            else:
                _check_name(source, section)
                proxies.setdefault(section, _Section(PROXY_SETTINGS)).read(source, section, given)
    return _Given(common, proxies, options['behavior'], options['protocol'], schedule)


def _complete(given: _Given, *, is_server: bool) -> Settings:
    """Return the settings of the process; raise `ConfigError`. A server has a control API unless it is told not to."""
    common = given.common
    if is_server:
        common.values = {'http': True, 'http_port': SERVER_PORT, **common.values}
    if common.values.get('ui'):
        common.values['http'] = True
    shared: dict[str, Any] = {
        'behavior_options': given.behavior_options,
        'protocol_options': given.protocol_options,
        'schedule': given.schedule,
    }
    return Settings(**{**shared, **common.settings(given.behavior_options)})


def _make_proxies(given: _Given, defaults: ProxySettings, config: str | None) -> tuple[ProxySettings, ...]:
    """Return the proxies of all sections, and those of Toxiproxy's file at *config*; raise `ConfigError`."""
    proxies = []
    for section, read in given.proxies.items():
        own = read.settings(given.behavior_options, given.common)
        name = section.removeprefix('proxy.')
        proxies.append(msgspec.structs.replace(defaults, **{'name': name, 'proxy': ANYWHERE, **own}))
    if config is not None:
        from vaurien.toxiproxy.fields import read_config  # late: few have such a file

        proxies += read_config(config, defaults)
        _check_names(proxies, config)
    return tuple(proxies)


def _check_ports(process: Settings, given: _Given, config: str | None) -> None:
    """Raise `ConfigError` if two listen at one address. Proxies without a section are in the file at *config*."""
    taken = {Address(process.http_host, process.http_port): 'the control API'} if process.http else {}
    for proxy in process.each_proxy:
        if not (proxy.enabled and proxy.proxy.port):
            continue
        name = 'the proxy' if process.proxies is None else f'the proxy {proxy.name!r}'
        other = taken.setdefault(proxy.proxy, name)
        if other != name:
            description = f'{proxy.proxy} is for {other} and for {name}: choose another port for one of them'
            given.proxies.get(f'proxy.{proxy.name}', given.common).refuse('proxy', description)
            given.common.refuse('http_port', description)
            raise ConfigError(description, config or 'proxy')


def locate(error: ConfigError, proxy: str, sources: Sequence[Source]) -> ConfigError:
    """Return *error*, which is about a setting of the proxy of that name, with the place where *sources* have it.

    It may also be about the schedule.
    """
    if error.path.startswith(f'{SECTION}.'):
        return next((locate_step(error, source) for source in sources[::-1] if SECTION in source.sections), error)
    for section in (f'proxy.{proxy}', 'vaurien'):
        for source in sources[::-1]:
            for key in source.sections.get(section, ()):
                if key.replace('-', '_') == error.path:
                    return source.error(error, section, key)
    return error


class _Section:
    """The settings of the process, or of a proxy, while the sources are read one after the other."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self.types = types
        self.values: dict[str, Any] = {}
        #: Where each value was written: the source, the section and the key.
        self.places: dict[str, tuple[Source, str, str]] = {}

    def read(self, source: Source, section: str, given: dict[str, Any]) -> None:
        """Take the values that *source* gives; raise `ConfigError`."""
        if SPECS.keys() & given.keys():  # either key replaces the rules of an earlier source
            self.places = {name: place for name, place in self.places.items() if name not in SPECS}
        values = read_settings(source, section, given, self.types)
        if isinstance(backend := values.get('backend'), URLAddress):
            try:
                values['protocol'] = backend.choose_protocol(values.get('protocol'))
            except ConfigError as error:
                raise source.error(error, section, 'backend') from None
        self.values.update(values)
        self.places.update({key.replace('-', '_'): (source, section, key) for key in given})

    def refuse(self, name: str, description: str) -> None:
        """Raise `ConfigError` if a source gives that setting."""
        if name in self.places:
            source, *path = self.places[name]
            raise source.error(ConfigError(description), *path)

    def settings(self, options: Options, common: _Section | None = None) -> dict[str, Any]:
        """Return the fields of the settings; raise `ConfigError`.

        *options* are those configured for each behavior. A section without rules has those of *common*.
        """
        self._check_tls(common)
        fields = {name: value for name, value in self.values.items() if name not in (*SPECS, 'options')}
        if isinstance(backend := fields.get('backend'), URLAddress):
            fields['backend'] = Address(*backend)
        own = self.values.get('options')
        if own is not None:
            options = {name: {**options.get(name, {}), **own.get(name, {})} for name in {**options, **own}}
            fields['behavior_options'] = options
        arming = self if common is None or SPECS.keys() & self.places.keys() else common
        for name in SPECS.keys() & arming.places.keys():
            source, *path = arming.places[name]
            try:
                fields['behaviors'] = complete_rules(arming.values[name], options)
            except ConfigError as error:
                raise source.error(ConfigError(str(error)), *path) from None
        return fields

    def _check_tls(self, common: _Section | None) -> None:
        """Raise `ConfigError` if the backend has a URL for TLS, and nobody is to speak TLS with it."""
        backend = self.values.get('backend')
        known = {**(common.values if common else {}), **self.values}
        if isinstance(backend, URLAddress):
            try:
                backend.check_tls(known)
            except ConfigError as error:
                self.refuse('backend', error.description)


def _check_name(source: Source, section: str) -> None:
    """Raise `ConfigError` if the section is about a proxy to which no path of the control API leads."""
    try:
        check_name(section.removeprefix('proxy.'))
    except ConfigError as error:
        raise source.error(error, section) from None


def _check_names(proxies: Sequence[ProxySettings], path: str) -> None:
    """Raise `ConfigError` if two proxies have one name. The second one is in the file at *path*."""
    seen = set()
    for proxy in proxies:
        if proxy.name in seen:
            raise ConfigError(f'there is a proxy named {proxy.name!r} already', path)
        seen.add(proxy.name)
