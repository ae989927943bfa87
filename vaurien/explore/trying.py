"""What is armed for a fault: the behavior that its protocol has for it."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.errors import ConfigError
from vaurien.explore.model import CONNECTION, ExploredProxy, Injection
from vaurien.framing.trials import CONNECTION_TRIALS, TLS_TRIALS, Kind, Trial
from vaurien.protocols import Protocol

#: How late a reply is, and after how many bytes it breaks off, where a fault does not say so.
_USUAL = {Kind.LATE: '1s', Kind.HALF: '1 bytes'}


def list_trials(proxy: ExploredProxy, request: str) -> Sequence[Trial]:
    """Return what may be tried at *proxy* on requests with that text, or on connections."""
    if request == CONNECTION:
        return CONNECTION_TRIALS + TLS_TRIALS if proxy.is_tls else CONNECTION_TRIALS
    return Protocol.get(proxy.protocol).trials


def find_behavior(injection: Injection, proxy: ExploredProxy) -> str:
    """Return what is armed at *proxy* for *injection*, as ``--behavior`` has it; raise `ConfigError`."""
    detail = injection.detail or _USUAL.get(injection.kind, '')
    for trial in list_trials(proxy, injection.request):
        if trial.kind is not injection.kind:
            continue
        if injection.kind in _USUAL:
            number = detail.removesuffix('s').removesuffix('byte').strip()
            return trial.behavior.format(seconds=number, bytes=number)
        if detail in ('', trial.detail):
            return trial.behavior
    raise ConfigError(f'{proxy.name}, which speaks {proxy.protocol}, has nothing for {str(injection)!r}')
