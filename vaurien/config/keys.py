"""The sections of a configuration, and the keys of each with their types."""

from __future__ import annotations

from typing import Any, get_type_hints

from vaurien.behaviors import Behavior
from vaurien.plugins.registry import Registry
from vaurien.protocols import Protocol
from vaurien.settings import ProxySettings, Settings

#: The kinds of sections that hold options of a plug-in: ``[behavior:delay]``.
REGISTRIES: dict[str, Registry[Any]] = {'behavior': Behavior, 'protocol': Protocol}

#: The keys that arm rules: a text, or a list. A later one replaces an earlier one, whichever of them it is.
SPECS = {'behavior': str, 'behaviors': list[dict[str, Any]]}

#: The fields of the settings that are not keys of a section.
_DERIVED = {'name', 'reset_if_unreachable', 'proxies', 'behavior_options', 'protocol_options', 'schedule'}

#: The keys of ``[proxy:NAME]`` and their types.
PROXY_SETTINGS: dict[str, Any] = {
    name: type_
    for name, type_ in {
        **get_type_hints(ProxySettings, include_extras=True),
        **SPECS,
        'options': dict[str, dict[str, Any]],
    }.items()
    if name not in _DERIVED
}

#: The keys of ``[vaurien]`` and their types: those of the process, and those of a proxy, as defaults for every proxy.
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

#: Flags and keys of Vaurien 1 that have no meaning now, by section.
CLASSIC: dict[str, tuple[str, ...]] = {
    'vaurien': ('bufsize', 'pool-max-size', 'pool-timeout', 'stay-connected', 'sync'),
    'statsd': ('enabled', 'host', 'port', 'prefix', 'sample-rate'),
    **{
        f'protocol.{name}': ('buffer', 'keep-alive', 'pool-max-size', 'pool-timeout', 'reuse-socket')
        for name in ('http', 'memcache', 'mysql', 'redis', 'smtp', 'tcp')
    },
}
