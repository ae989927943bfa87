"""The behaviors and protocols that exist, by name: built in, installed (entry points), or registered by hand."""

from __future__ import annotations

import logging
import re
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from vaurien.errors import PluginError
from vaurien.plugins.options import Configurable, did_you_mean

Plugin = TypeVar('Plugin', bound=Configurable)

logger = logging.getLogger(__name__)

#: What a name may be: it stands in flags, in ``20:error,10:delay`` and in section names.
NAME = re.compile(r'[A-Za-z0-9][\w-]*', re.ASCII)


def load_callable(reference: str) -> Any:
    """What ``package.module:Name`` names; raises `PluginError`."""
    module, colon, name = reference.partition(':')
    if not (module and colon and name):
        raise PluginError(f'{reference!r} is not of the form package.module:Class')
    try:
        return getattr(import_module(module), name)
    except Exception as error:  # whatever importing somebody's module raises
        raise PluginError(f'cannot load {reference!r}: {type(error).__name__}: {error}') from error


#: What the entry points of this package's own plug-ins begin with.
BUILT_IN = 'vaurien.'


class Registry(Generic[Plugin]):
    """Names to classes, for one kind of plug-in.

    *kind* is the word used in messages, *group* the entry-point group: its names are read when first needed, its
    classes imported one by one when asked for, so that a broken plug-in harms nobody who does not use it.
    """

    def __init__(self, kind: str, group: str, base: type[Plugin]) -> None:
        self.kind = kind
        self.group = group
        self.base = base
        #: How often something was registered: until it changes, `usable` returns the same.
        self.changes = 0
        self._registered: dict[str, type[Plugin]] = {}
        self._loaded: dict[str, type[Plugin]] = {}
        self._references: dict[str, str] | None = None

    def register(self, plugin: type[Plugin], name: str = '') -> type[Plugin]:
        """Add a class under its ``name`` (or another one); also a decorator.

        It may take the place of a built-in one. Raises `PluginError` if another plug-in has the name.
        """
        named = self._named(plugin, name or getattr(plugin, '__dict__', {}).get('name', ''))
        known = self._registered.get(named.name, named)
        installed = self._installed().get(named.name, BUILT_IN)
        if named.name == self.base.name or not (installed.startswith(BUILT_IN) and issubclass(known, plugin)):
            raise PluginError(f'there is a {self.kind} named {named.name!r} already')
        self._registered[named.name] = known
        self.changes += 1
        return plugin

    def names(self) -> list[str]:
        """Every known name, sorted."""
        return sorted({*self._registered, *self._installed()})

    def get(self, name: str) -> type[Plugin]:
        """The class of that name; raises `PluginError`, with the nearest name where there is none."""
        if name in self._registered:
            return self._registered[name]
        if name not in self._loaded:
            reference = self._installed().get(name)
            if reference is None:
                raise PluginError(f'unknown {self.kind} {name!r}, {did_you_mean(name, self.names())}')
            self._loaded[name] = self._named(load_callable(reference), name)
        return self._loaded[name]

    def usable(self, *, level: int = logging.WARNING) -> dict[str, type[Plugin]]:
        """Return every class that can be imported, by name; log, at that *level*, each that cannot."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.get(name)
            except PluginError as error:
                logger.log(level, '%s %s is left out: %s', self.kind, name, error)
        return found

    def _named(self, plugin: Any, name: str) -> type[Plugin]:
        """*plugin* with that name on it, so that a class forgetting its own does not pass for its base class."""
        if not (isinstance(plugin, type) and issubclass(plugin, self.base)):
            raise PluginError(f'{plugin!r} is no {self.kind}: expected a subclass of {self.base.__name__}')
        if not NAME.fullmatch(name):
            raise PluginError(f'{name!r} is no name for a {self.kind}: expected letters, digits, - and _')
        for option, declared in plugin.all_options().items():
            if not (isinstance(declared, tuple) and len(declared) == 3):
                raise PluginError(f'option {option!r} of {name!r} is not declared as (help, type, default)')
            if self.base.options.get(option, declared) is not declared:
                raise PluginError(f'option {option!r} of {name!r} is one that every {self.kind} has')
        if plugin.name == name:
            return plugin
        same = {'name': name, '__doc__': plugin.__doc__, '__module__': plugin.__module__}
        return type(plugin.__name__, (plugin,), same)

    def _installed(self) -> dict[str, str]:
        if self._references is None:
            self._references = {}
            for point in entry_points(group=self.group):
                if self._references.setdefault(point.name, point.value) != point.value:
                    raise PluginError(f'two installed packages bring a {self.kind} named {point.name!r}')
        return self._references
