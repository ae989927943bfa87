"""Options that plug-ins of one kind declare for a plug-in of another kind.

Each protocol declares what its errors are made of: a status, a message, an SQLSTATE. The behavior ``error`` takes all
of that, because its options are read before it is known for which protocol it will be armed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from vaurien.plugins.options import Option
from vaurien.plugins.registry import BUILT_IN, Registry

logger = logging.getLogger(__name__)


class MergedOptions(Mapping[str, Option]):
    """Options that plug-ins declare, one for each name, and others after them.

    What plug-ins declare is None by default: not given. They are asked when the options are read, because plug-ins may
    be registered at any time.
    """

    def __init__(
        self, registry: Registry[Any], attribute: str, own: Mapping[str, Option], taken: Collection[str] = ()
    ) -> None:
        """Merge what the plug-ins of *registry* declare under *attribute*, and the *own* options.

        Plug-ins cannot declare names that are *taken*, or those of the own options.
        """
        self._registry = registry
        self._attribute = attribute
        self._own = own
        self._taken = {*own, *taken}
        #: What was merged last, and after how many changes of the registry. Threads that ask at once never see half.
        self._last: tuple[int, Mapping[str, Option]] = -1, {}

    def merged(self) -> Mapping[str, Option]:
        """Return what the plug-ins declare, without the own options."""
        changes, merged = self._registry.changes, self._last
        if merged[0] != changes:
            plugins = self._registry.usable(level=logging.DEBUG)  # a broken plug-in harms nobody who does not use it
            # Built-in ones come first, so that no other takes a name away from them.
            names = sorted(plugins, key=lambda name: not plugins[name].__module__.startswith(BUILT_IN))
            declared = {name: plugins[name].all_options(self._attribute) for name in names}
            merged = self._last = changes, merge(declared, self._taken)
        return merged[1]

    def choose(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the *values* of options that plug-ins have declared, where they are given."""
        return {name: values[name] for name in self.merged() if values.get(name) is not None}

    def __getitem__(self, name: str) -> Option:
        return {**self.merged(), **self._own}[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.merged(), **self._own})

    def __len__(self) -> int:
        return len({**self.merged(), **self._own})


def merge(declared: Mapping[str, Mapping[str, Option]], taken: Collection[str]) -> dict[str, Option]:
    """Return one option for each name in what plug-ins, by their names, have *declared*.

    Its help text says which plug-in takes what. Left out, with a warning, are names that are *taken*, and a type that
    is not that of the plug-in which declares the name first.
    """
    takers: dict[str, dict[str, Option]] = {}
    types: dict[str, Any] = {}
    for plugin, options in declared.items():
        for name, option in options.items():
            type_ = option[1] | None
            if name in taken or types.setdefault(name, type_) != type_:
                logger.warning('option %s of %s is left out: the name is taken', name, plugin)
            else:
                takers.setdefault(name, {})[plugin] = option
    return {name: (_join_help(options), types[name], None) for name, options in takers.items()}


def _join_help(options: Mapping[str, Option]) -> str:
    """Return ``http: Status (default 500); smtp: Code (default 451)``: each text once, behind all who have it."""
    defaults = [default for _, _, default in options.values()]
    differ = any(default != defaults[0] for default in defaults)
    texts: dict[str, list[str]] = {}
    for plugin, (text, _, default) in options.items():
        texts.setdefault(text + (_describe_default(default) if differ else ''), []).append(plugin)
    joined = '; '.join(f'{", ".join(plugins)}: {text}' for text, plugins in texts.items())
    return joined if differ else joined + _describe_default(defaults[0])


def _describe_default(default: Any) -> str:
    return '' if default is None else f' (default {default})'
