"""A TCP proxy that makes a backend fail the way real backends fail: replies come late, wrong, incomplete or never."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaurien.asynchronous import AsyncClient, AsyncProxy
    from vaurien.client import Client
    from vaurien.embedded import Proxy
    from vaurien.errors import (
        ConfigError,
        ControlError,
        NoJournalError,
        NoScheduleError,
        StartError,
        UnreachableError,
        VaurienError,
    )
    from vaurien.interface import ProxyControl
    from vaurien.journal.reading import read_journal
    from vaurien.process import start_proxy, stop_proxy

__version__ = '2.0.0'

__all__ = [
    'AsyncClient',
    'AsyncProxy',
    'Client',
    'ConfigError',
    'ControlError',
    'NoJournalError',
    'NoScheduleError',
    'Proxy',
    'ProxyControl',
    'StartError',
    'UnreachableError',
    'VaurienError',
    '__version__',
    'read_journal',
    'start_proxy',
    'stop_proxy',
]

#: The module of each public name. It is imported at the first use of the name: so `Client` works without gevent, and
#: the command can patch the standard library before anything else is imported.
_HOMES = {
    'AsyncClient': 'vaurien.asynchronous',
    'AsyncProxy': 'vaurien.asynchronous',
    'Client': 'vaurien.client',
    'Proxy': 'vaurien.embedded',
    'ProxyControl': 'vaurien.interface',
    **dict.fromkeys(
        (
            'ConfigError',
            'ControlError',
            'NoJournalError',
            'NoScheduleError',
            'StartError',
            'UnreachableError',
            'VaurienError',
        ),
        'vaurien.errors',
    ),
    'read_journal': 'vaurien.journal.reading',
    'start_proxy': 'vaurien.process',
    'stop_proxy': 'vaurien.process',
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
