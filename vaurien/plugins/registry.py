"""Plug-ins by name: built in, installed (entry points), or registered by hand."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from importlib import import_module
from itertools import count
from typing import Any, Generic, TypeVar

from vaurien.errors import OptionError, PluginError
from vaurien.plugins.installed import find_entry_points
from vaurien.plugins.options import Configurable, convert, did_you_mean

Plugin = TypeVar('Plugin', bound=Configurable)

logger = logging.getLogger(__name__)

#: What a name may be: it stands in flags, in ``20:error,10:delay`` and in section names.
NAME = re.compile(r'[A-Za-z0-9][\w-]*', re.ASCII)
#: How the entry points of this package's own plug-ins begin.
BUILT_IN = 'vaurien.'
#: The flags of functions that only begin when their result is iterated over, or awaited (`inspect`).
NOT_RUN = 0x20 | 0x80 | 0x200


def load_callable(reference: str) -> Any:
    """Return what ``package.module:Name`` names, or ``package.module.Name``. Raise `PluginError` if it is not there."""
    module, colon, name = reference.partition(':') if ':' in reference else reference.rpartition('.')
    if not (module and colon and name):
        raise PluginError(f'{reference!r} is not of the form package.module:Class')
    try:
        return getattr(import_module(module), name)
    except Exception as error:  # whatever importing somebody's module raises
        raise PluginError(f'cannot load {reference!r}: {type(error).__name__}: {error}') from error


class Registry(Generic[Plugin]):
    """The plug-ins of one kind: classes by their names.

    The names of those that are installed are read when they are first needed. A class is imported when it is first
    asked for, so that a broken plug-in harms nobody who does not use it. Any thread may be the first to ask, or to
    register a class, while others do: what they see is whole, and they see the same classes.
    """

    def __init__(self, kind: str, group: str, base: type[Plugin], methods: Collection[str] = ()) -> None:
        """Hold subclasses of *base*. *kind* is the word in messages, *group* the entry-point group.

        A class that has all of these *methods* need not be a subclass: it is given *base* as one.
        """
        self.kind = kind
        self.group = group
        self.base = base
        self._methods = methods
        #: How often something was registered: until it changes, `usable` returns the same.
        self.changes = 0
        self._numbers = count(1)
        self._registered: dict[str, type[Plugin]] = {}
        self._loaded: dict[str, type[Plugin]] = {}
        self._references: dict[str, str] | None = None
        #: The names that several packages bring, and what each of these has under it.
        self._contested: dict[str, list[str]] = {}

    def register(self, plugin: type[Plugin], name: str = '') -> type[Plugin]:
        """Add a class by its ``name``, or by another one, and return it; it is a decorator, too.

        The class may take the place of a built-in one. Raise `PluginError` if another plug-in has the name.
        """
        named = self._named(plugin, name or getattr(plugin, '__dict__', {}).get('name', ''))
        taken = self._installed().get(named.name, BUILT_IN)
        is_free = taken.startswith(BUILT_IN) or taken == f'{plugin.__module__}:{plugin.__qualname__}'
        if named.name == self.base.name or not is_free:
            raise PluginError(f'there is a {self.kind} named {named.name!r} already: {taken}')
        first = self._registered.setdefault(named.name, named)
        if not issubclass(first, plugin):
            found = f'{first.__module__}:{first.__qualname__}'
            raise PluginError(f'there is a {self.kind} named {named.name!r} already: {found}')
        self.changes = next(self._numbers)
        return plugin

    def names(self) -> list[str]:
        """Return every known name, sorted."""
        return sorted({*self._registered, *self._installed()})

    def get(self, name: str) -> type[Plugin]:
        """Return the class of that name. Raise `PluginError`, with the nearest name, if there is none."""
        if name in self._registered:
            return self._registered[name]
        if name not in self._loaded:
            reference = self._installed().get(name)
            if reference is None:
                raise PluginError(f'unknown {self.kind} {name!r}, {did_you_mean(name, self.names())}')
            if name in self._contested:
                found = ' and '.join(self._contested[name])
                raise PluginError(f'several packages bring a {self.kind} named {name!r}, keep one of them: {found}')
            self._loaded.setdefault(name, self._named(load_callable(reference), name))
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

    def _named(self, given: Any, name: str) -> type[Plugin]:
        """Return a plug-in with that name: a class that has none of its own would pass for its base class."""
        plugin = self._complete(given)
        if not NAME.fullmatch(name):
            raise PluginError(f'{name!r} is no name for a {self.kind}: expected letters, digits, - and _')
        if not plugin.__module__.startswith(BUILT_IN):
            self._check(plugin, name)
        if plugin.name == name:
            return plugin
        named: type[Plugin] = _derive(plugin, (plugin,), name=name)
        return named

    def _check(self, plugin: type[Plugin], name: str) -> None:
        """Raise `PluginError` for what would fail later, where nobody knows whose mistake it is."""
        for base in plugin.__mro__:
            for attribute in ('options', 'error_options'):
                if not isinstance(vars(base).get(attribute, {}), Mapping):
                    raise PluginError(f'{attribute} of {name!r} is not declared as {{name: (help, type, default)}}')
        for option, declared in (plugin.all_options('error_options') | plugin.all_options()).items():
            if not (isinstance(declared, tuple) and len(declared) == 3):
                raise PluginError(f'option {option!r} of {name!r} is not declared as (help, type, default)')
            if self.base.options.get(option, declared) is not declared:
                raise PluginError(f'option {option!r} of {name!r} is one that every {self.kind} has')
            _, type_, default = declared
            try:
                convert(default, type_)
            except OptionError:  # a default may be what nobody can give
                pass
            except Exception as error:  # whatever comes of somebody's type
                raise PluginError(f'option {option!r} of {name!r} has a type that cannot be read: {error}') from None
        for method in dir(plugin):
            code = getattr(getattr(plugin, method), '__code__', None) if method.startswith('on_') else None
            if code is not None and code.co_flags & NOT_RUN:
                raise PluginError(f'{method} of {name!r} is a generator or a coroutine, of which nothing would run')

    def _complete(self, plugin: Any) -> type[Plugin]:
        """Return *plugin* with the base class; raise `PluginError` if it is no plug-in."""
        if isinstance(plugin, type):
            if issubclass(plugin, self.base):
                return plugin
            if self._methods and all(callable(getattr(plugin, method, None)) for method in self._methods):
                return self._adopt(plugin)
        expected = f'a subclass of {self.base.__name__}'
        if self._methods:
            expected += f', or a class with {" and ".join(self._methods)}'
        raise PluginError(f'{plugin!r} is no {self.kind}: expected {expected}')

    def _adopt(self, plugin: type) -> type[Plugin]:
        """Return a class that has what *plugin* has, and else what the base class has."""
        base = self.base

        def initialize(self: Plugin, options: Mapping[str, Any] | None = None) -> None:
            plugin.__init__(self)  # type: ignore[misc]  # first: it may call that of the base class, without options
            base.__init__(self, options)

        adopted: type[Plugin] = _derive(plugin, (plugin, base), __init__=initialize)
        return adopted

    def _installed(self) -> dict[str, str]:
        if self._references is None:
            found: dict[str, list[str]] = {}
            for point in find_entry_points(self.group):
                if point.value not in found.setdefault(point.name, []):
                    found[point.name].append(point.value)
            for name, values in found.items():
                own = [value for value in values if value.startswith(BUILT_IN)]
                if own and len(own) < len(values):
                    others = ', '.join(value for value in values if value not in own)
                    logger.warning('%s is left out: Vaurien has a %s named %r itself', others, self.kind, name)
                    found[name] = own
            self._contested = {name: values for name, values in found.items() if len(values) > 1}
            self._references = {name: values[0] for name, values in found.items()}
        return self._references


def _derive(plugin: type, bases: tuple[type, ...], **attributes: Any) -> Any:
    """Return a class with these *bases* and *attributes* that passes for *plugin*."""
    same = {'__doc__': plugin.__doc__, '__module__': plugin.__module__, **attributes}
    return type(plugin.__name__, bases, same)
