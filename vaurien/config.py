"""From what people write to `Settings`: a file, flags over it, and every mistake with its place.

Wherever they were written, values arrive as a `Source`, whose sections are named ``vaurien``, ``behavior.delay``,
``protocol.http``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_type_hints

from vaurien.address import Address
from vaurien.arming import Entry, parse_behaviors, read_spec
from vaurien.behaviors import Behavior
from vaurien.configfile import read_document
from vaurien.errors import ConfigError
from vaurien.options import convert, did_you_mean
from vaurien.protocols import Protocol
from vaurien.registry import Registry, load_callable
from vaurien.settings import Settings

REGISTRIES: dict[str, Registry[Any]] = {'behavior': Behavior, 'protocol': Protocol}

#: What arms behaviors: a text, or a list of them. Either takes the place of the other.
SPECS = {'behavior': str, 'behaviors': list[dict[str, Any]]}

#: The keys of ``[vaurien]`` and their types: the settings, with what arms behaviors.
SETTINGS: dict[str, Any] = {
    name: type_
    for name, type_ in {**get_type_hints(Settings, include_extras=True), **SPECS}.items()
    if name not in ('behavior_options', 'protocol_options')
}

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
    known = ['vaurien', *(f'{kind}{separator}NAME' for kind in REGISTRIES)]
    sections: Sections = {}
    for name, value in _mapping(tree, '', place).items():
        if name == 'vaurien':
            sections[name] = _mapping(value, name, place)
        elif name in REGISTRIES:
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
        if section != 'vaurien' and 'callable' in values:
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
    values: dict[str, Any] = {}
    armed: tuple[Entry, ...] = ()
    arming: tuple[Source, str] | None = None
    options: dict[str, Sections] = {'behavior': {}, 'protocol': {}}
    for source in sources:
        for section, given in source.sections.items():
            kind, _, name = section.partition('.')
            if name:
                options[kind].setdefault(name, {}).update(_check_options(source, section, given))
            else:
                values.update(_check_settings(source, given))
                arming = next(((source, name) for name in SPECS if name in given), arming)
    specs = {name: values.pop(name, None) for name in SPECS}
    if arming is not None:
        source, name = arming
        try:
            armed = parse_behaviors(specs[name], options['behavior'])
        except ConfigError as error:
            raise source.error(error, 'vaurien', name) from None
    return Settings(
        **values,
        behaviors=armed,
        behavior_options=options['behavior'],
        protocol_options=options['protocol'],
    )


def _check_options(source: Source, section: str, given: dict[str, Any]) -> dict[str, Any]:
    kind, _, name = section.partition('.')
    try:
        checked: dict[str, Any] = REGISTRIES[kind].get(name).check(given, text=source.text)
    except ConfigError as error:
        raise source.error(error, section, *filter(None, [error.path])) from None
    return checked


def _check_settings(source: Source, given: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for key, value in given.items():
        name = key.replace('-', '_')
        try:
            values[name] = _read_setting(name, value, source.text)
            if SPECS.keys() <= values.keys():
                raise ConfigError('there is behavior, too, and one of them is enough')
        except ConfigError as error:
            inner = error.path if error.path.startswith(f'{name}[') else key
            raise source.error(error, 'vaurien', inner) from None
    return values


def _read_setting(name: str, value: Any, text: bool) -> Any:
    type_ = SETTINGS.get(name)
    if type_ is None:
        known = [setting.replace('_', '-') for setting in SETTINGS]
        raise ConfigError(f'no such setting, {did_you_mean(name.replace("_", "-"), known)}')
    if type_ is Address:
        return Address.parse(convert(value, str))
    value = convert(value, type_, text=text)
    if name in SPECS:
        read_spec(value)
    if name == 'protocol':
        Protocol.get(value)
    return value


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
