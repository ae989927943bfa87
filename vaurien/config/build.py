"""From what people write to `Settings`: a file, flags over it, and every mistake with its place.

Wherever they were written, values arrive as a `Source`, whose sections are named ``vaurien``, ``proxy.redis``,
``behavior.delay``, ``protocol.http``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_type_hints

import msgspec

from vaurien.address import Address
from vaurien.behaviors import Behavior
from vaurien.config.files import read_document
from vaurien.errors import ConfigError
from vaurien.plugins.options import convert, did_you_mean
from vaurien.plugins.registry import Registry, load_callable
from vaurien.protocols import Protocol
from vaurien.rules.behaviors import check_options, complete_rules, read_rules
from vaurien.rules.toxics import read_toxics
from vaurien.settings import ProxySettings, Settings
from vaurien.toxiproxy.fields import read_config

REGISTRIES: dict[str, Registry[Any]] = {'behavior': Behavior, 'protocol': Protocol}

#: What arms behaviors: a text, or a list of them. Either takes the place of the other.
SPECS = {'behavior': str, 'behaviors': list[dict[str, Any]]}

#: What is no key of a section, though it is a field of the settings.
_DERIVED = {'name', 'reset_if_unreachable', 'proxies', 'behavior_options', 'protocol_options'}

#: The keys of ``[proxy:NAME]`` and their types: the settings of a proxy, with what arms behaviors, and their options.
PROXY_SETTINGS: dict[str, Any] = {
    name: type_
    for name, type_ in {
        **get_type_hints(ProxySettings, include_extras=True),
        **SPECS,
        'options': dict[str, dict[str, Any]],
    }.items()
    if name not in _DERIVED
}

#: The keys of ``[vaurien]``: those of a proxy, which hold for all that have a section, and those of the process.
SETTINGS: dict[str, Any] = {
    name: type_
    for name, type_ in {
        **get_type_hints(Settings, include_extras=True),
        **SPECS,
        'server': bool,
        'toxiproxy_config': str,
    }.items()
    if name not in _DERIVED | {'enabled'}
}

#: Where the control API of a process without a proxy of its own is: where Toxiproxy's is.
SERVER_PORT = 8474

#: What a header can carry for a token (RFC 6750, 2.1); not nothing, as of a variable that is not set.
_TOKEN = re.compile('[!-~]+')

#: Where a proxy listens that is not told.
ANYWHERE = Address('localhost', 0)

#: What the classic version took and has no meaning now, by section.
CLASSIC: dict[str, tuple[str, ...]] = {
    'vaurien': ('stay-connected',),
    **{
        f'protocol.{name}': ('buffer', 'keep-alive', 'pool-max-size', 'pool-timeout', 'reuse-socket')
        for name in ('http', 'memcache', 'mysql', 'redis', 'smtp', 'tcp')
    },
}

Sections = dict[str, dict[str, Any]]


class Source(NamedTuple):
    """Values by section and key as they were written, and where."""

    sections: Sections
    #: Dotted path to the place to name in a message.
    place: Callable[[str], str]
    #: Whether every value is a text, to be read as what it spells.
    text: bool
    #: ``callable`` of a section: the plug-in of that name.
    plugins: Mapping[str, Any]
    #: The places of classic keys, which have no meaning now.
    ignored: tuple[str, ...]

    def error(self, error: ConfigError, *path: str) -> ConfigError:
        """*error* with the place that *path* was written at."""
        return type(error)(error.description, self.place('.'.join(path)))


def read(path: str) -> Source:
    """The values in a file; raises `ConfigError`."""
    tree, lines, text = read_document(path)

    def place(dotted: str) -> str:
        line = f':{lines[dotted]}' if dotted in lines else ''
        return f'{path}{line}: {dotted}' if dotted else path

    separator = ':' if text else '.'
    known = ['vaurien', *(f'{kind}{separator}NAME' for kind in (*REGISTRIES, 'proxy'))]
    sections: Sections = {}
    for name, value in _mapping(tree, '', place).items():
        if name == 'vaurien':
            sections[name] = _mapping(value, name, place)
        elif name in REGISTRIES or name == 'proxy':
            for plugin, given in _mapping(value, name, place).items():
                sections[f'{name}.{plugin}'] = _mapping(given, f'{name}.{plugin}', place)
        else:
            raise ConfigError(f'unknown section, {did_you_mean(name, known)}', place(name))
    return make_source(sections, place, text=text)


def make_source(sections: Sections, place: Callable[[str], str], *, text: bool) -> Source:
    """A source of *sections*, its plug-ins and classic keys set apart."""
    kept: Sections = {}
    plugins: dict[str, Any] = {}
    ignored: list[str] = []
    for section, values in sections.items():
        kept[section] = dict(values)
        if section.startswith(tuple(f'{kind}.' for kind in REGISTRIES)) and 'callable' in values:
            plugins[section] = kept[section].pop('callable')
        for key in values:
            if key.replace('_', '-') in CLASSIC.get(section, ()):
                ignored.append(place(f'{section}.{key}'))
                del kept[section][key]
        if values and not kept[section] and section not in plugins:
            del kept[section]  # of a protocol that may no longer exist
    return Source(kept, place, text, plugins, tuple(ignored))


def register(source: Source) -> None:
    """Register the plug-ins that *source* names, each under its section's name; raises `ConfigError`."""
    for section, reference in source.plugins.items():
        kind, _, name = section.partition('.')
        try:
            REGISTRIES[kind].register(load_callable(convert(reference, str)), name)
        except ConfigError as error:
            raise source.error(error, section, 'callable') from error


def build(*sources: Source) -> Settings:
    """The settings that *sources* make, a later one before an earlier one; raises `ConfigError`."""
    sections: dict[str, _Section] = {'vaurien': _Section(SETTINGS)}
    options: dict[str, Sections] = {'behavior': {}, 'protocol': {}}
    for source in sources:
        for section, given in source.sections.items():
            kind, _, name = section.partition('.')
            if kind in options:
                options[kind].setdefault(name, {}).update(_check_options(source, section, given))
            else:
                sections.setdefault(section, _Section(PROXY_SETTINGS)).read(source, section, given)
    common = sections.pop('vaurien')
    config = common.values.pop('toxiproxy_config', None)
    served = common.values.pop('server', False) or config is not None
    if served:
        common.values = {'http': True, 'http_port': SERVER_PORT, **common.values}
    shared: dict[str, Any] = {'behavior_options': options['behavior'], 'protocol_options': options['protocol']}
    process = Settings(**{**shared, **common.settings(options['behavior'])})
    if not (sections or served):
        return process
    common.refuse('proxy', 'each proxy needs one of its own: there are several, or none yet')
    process = msgspec.structs.replace(process, proxies=())
    proxies = [
        msgspec.structs.replace(
            process.defaults,
            **{'name': section.removeprefix('proxy.'), 'proxy': ANYWHERE, **read.settings(options['behavior'], common)},
        )
        for section, read in sections.items()
    ]
    if config is not None:
        proxies += read_config(config, process.defaults)
        _check_names(proxies, config)
    if not (proxies or process.http):
        common.refuse('http', 'without it there will never be a proxy')
    return msgspec.structs.replace(process, proxies=tuple(proxies))


class _Section:
    """What is said of a proxy, or of the process, by one source over the other."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self.types = types
        self.values: dict[str, Any] = {}
        #: Where each of them was written: the source, the section and the key.
        self.places: dict[str, tuple[Source, str, str]] = {}

    def read(self, source: Source, section: str, given: dict[str, Any]) -> None:
        """Take what *source* says."""
        if SPECS.keys() & given.keys():  # what arms behaviors takes the place of what did before
            self.places = {name: place for name, place in self.places.items() if name not in SPECS}
        self.values.update(_check_settings(source, section, given, self.types))
        self.places.update({key.replace('-', '_'): (source, section, key) for key in given})

    def refuse(self, name: str, description: str) -> None:
        """Raise `ConfigError` if there is that setting."""
        if name in self.places:
            source, *path = self.places[name]
            raise source.error(ConfigError(description), *path)

    def settings(self, options: Mapping[str, dict[str, Any]], common: _Section | None = None) -> dict[str, Any]:
        """The fields of the settings, what arms behaviors, perhaps the *common* ones, read with these *options*."""
        fields = {name: value for name, value in self.values.items() if name not in (*SPECS, 'options')}
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


def _check_names(proxies: Sequence[ProxySettings], path: str) -> None:
    """Refuse a name that is there twice, the second time in the file at *path*."""
    seen = set()
    for proxy in proxies:
        if proxy.name in seen:
            raise ConfigError(f'there is a proxy named {proxy.name!r} already', path)
        seen.add(proxy.name)


def _check_options(source: Source, section: str, given: dict[str, Any]) -> dict[str, Any]:
    kind, _, name = section.partition('.')
    try:
        checked: dict[str, Any] = REGISTRIES[kind].get(name).check(given, text=source.text)
    except ConfigError as error:
        raise source.error(error, section, *filter(None, [error.path])) from None
    return checked


def _check_settings(source: Source, section: str, given: dict[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for key, value in given.items():
        name = key.replace('-', '_')
        try:
            values[name] = _read_setting(name, value, types, source.text)
            if SPECS.keys() <= values.keys():
                raise ConfigError('there is behavior, too, and one of them is enough')
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
        return Address.parse(convert(value, str))
    if name == 'toxics':
        return read_toxics(value)
    if name == 'api_host':
        return _read_names(value)
    value = convert(value, type_, text=text)
    if name == 'api_token' and not _TOKEN.fullmatch(value or ''):
        raise ConfigError('expected ASCII characters, and no spaces')  # and does not show it
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
            raise ConfigError(f'{name!r} is no name of a machine, which has no port either') from None
    return tuple(names)


def _mapping(value: Any, path: str, place: Callable[[str], str]) -> dict[str, Any]:
    """*value*, found at that dotted path, as keys and values; an empty section may be None."""
    if value is not None and not isinstance(value, dict):
        raise ConfigError(f'expected keys and values, got {value!r}', place(path))
    mapping: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for key, inner in (value or {}).items():
        mapping[str(key)] = inner
        twin = spelled.setdefault(str(key).replace('_', '-'), str(key))
        if twin != str(key):
            raise ConfigError(f'the same as {twin!r}, given before', place(f'{path}.{key}'))
    return mapping
