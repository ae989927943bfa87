"""The values of a file, or of the flags, by section and key.

Sections are named ``vaurien``, ``proxy.redis``, ``behavior.delay``, ``protocol.http``, wherever they were written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from vaurien.config.files import read_document
from vaurien.config.keys import CLASSIC, REGISTRIES
from vaurien.errors import ConfigError
from vaurien.plugins.options import convert, did_you_mean, shorten
from vaurien.plugins.registry import load_callable

Sections = dict[str, dict[str, Any]]

#: The sections of which there is one. Others have a name: ``proxy.redis``.
SINGLE = ('vaurien', 'schedule')
#: The section of Vaurien 1 that has no meaning now.
STATSD = 'statsd'


class Source(NamedTuple):
    """Values by section and key as they were written, and where they were written."""

    sections: Sections
    #: Returns, for a dotted path, the place to name in a message.
    place: Callable[[str], str]
    #: Whether every value is a text that has to be converted.
    text: bool
    #: The plug-ins to register, by section: its ``callable``.
    plugins: Mapping[str, Any]
    #: The places of keys of Vaurien 1 that have no meaning now.
    ignored: tuple[str, ...]

    def error(self, error: ConfigError, *path: str) -> ConfigError:
        """Return *error* with the place where the value at *path* was written."""
        return type(error)(error.description, self.place('.'.join(path)))


def read(path: str) -> Source:
    """Return the values in a file; raise `ConfigError`."""
    tree, lines, text = read_document(path)

    place = partial(place_in, path, lines)
    separator = ':' if text else '.'
    known = [*SINGLE, *(f'{kind}{separator}NAME' for kind in (*REGISTRIES, 'proxy'))]
    sections: Sections = {}
    for name, value in read_mapping(tree, '', place).items():
        if name in SINGLE or name == STATSD:
            sections[name] = read_mapping(value, name, place)
        elif name in REGISTRIES or name == 'proxy':
            for plugin, given in read_mapping(value, name, place).items():
                sections[f'{name}.{plugin}'] = read_mapping(given, f'{name}.{plugin}', place)
        else:
            raise ConfigError(f'unknown section, {did_you_mean(name, known)}', place(name))
    return make_source(sections, place, text=text)


def place_in(path: str, lines: Mapping[str, int], dotted: str) -> str:
    """Return the place of what is at a dotted path in a file: the file, the line, and that path.

    What is missing has the line of where it should be.
    """
    known = dotted
    while known and known not in lines:
        known = known[: max(known.rfind('.'), known.rfind('['), 0)]
    line = f':{lines[known]}' if known else ''
    return f'{path}{line}: {dotted}' if dotted else path


def make_source(sections: Sections, place: Callable[[str], str], *, text: bool) -> Source:
    """Return a source of *sections*, with the plug-ins and the keys of Vaurien 1 taken out of them."""
    kept: Sections = {}
    plugins: dict[str, Any] = {}
    ignored: list[str] = []
    for section, values in sections.items():
        kept[section] = dict(values)
        if section.startswith(tuple(f'{kind}.' for kind in REGISTRIES)) and 'callable' in values:
            plugins[section] = kept[section].pop('callable')
        for key in values:
            if section == STATSD or key.replace('_', '-') in CLASSIC.get(section, ()):
                ignored.append(place(f'{section}.{key}'))
                del kept[section][key]
        if not kept[section] and section not in plugins and (values or section == STATSD):
            del kept[section]  # its protocol may no longer exist
    return Source(kept, place, text, plugins, tuple(ignored))


def register(source: Source) -> None:
    """Register the plug-ins of *source*, each under the name of its section; raise `ConfigError`."""
    for section, reference in source.plugins.items():
        try:
            register_plugin(section, reference)
        except ConfigError as error:
            raise source.error(error, section, 'callable') from error


def register_plugin(section: str, reference: Any) -> None:
    """Register the plug-in that *reference* names under the name of that section; raise `ConfigError`."""
    kind, _, name = section.partition('.')
    REGISTRIES[kind].register(load_callable(convert(reference, str)), name)


def read_mapping(value: Any, path: str, place: Callable[[str], str]) -> dict[str, Any]:
    """Return *value*, found at that dotted path, as keys and values; an empty section may be None."""
    if value is not None and not isinstance(value, dict):
        raise ConfigError(f'expected keys and values, got {shorten(value)}', place(path))
    mapping: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for key, inner in (value or {}).items():
        mapping[str(key)] = inner
        twin = seen.setdefault(str(key).replace('_', '-'), str(key))
        if twin != str(key):
            raise ConfigError(f'the same as {twin!r}, which is given before', place(f'{path}.{key}'))
    return mapping
