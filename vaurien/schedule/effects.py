"""The changes of a schedule at work, through the same doors as the control API; and what was there before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vaurien.errors import UnknownProxyError
from vaurien.rules.rule import list_rests
from vaurien.rules.toxics import ToxicRule
from vaurien.schedule.change import Change
from vaurien.schedule.schedule import BEHAVIOR, ENABLED, TOXIC, Fault
from vaurien.schedule.scheduled import Scheduled


class AppliedChange(NamedTuple):
    """What a schedule has changed."""

    #: None: there was no such toxic.
    before: Fault | None
    value: Fault


class Effects:
    """What a schedule has changed and not put back yet."""

    def __init__(self, proxies: Mapping[str, Scheduled]) -> None:
        self._proxies = proxies
        self._effects: dict[tuple[str, str], AppliedChange] = {}

    def apply(self, change: Change) -> bool:
        """Make a change; return whether there was anything to do. Raise whatever the proxy raises.

        What somebody else has changed meanwhile stays: only what is still as the schedule has left it is put back.
        """
        place = (change.proxy, change.slot)
        effect = self._effects.get(place)
        if change.proxy not in self._proxies:
            self._effects.pop(place, None)
            raise UnknownProxyError(f'there is no proxy {change.proxy!r}')
        proxy = self._proxies[change.proxy]
        present = _get(proxy, change.slot)
        is_ours = effect is not None and _is_left(effect.value, present)
        before = effect.before if effect is not None and is_ours else present
        if change.value is not None:
            _set(proxy, change.slot, change.value)
            self._effects[place] = AppliedChange(before, change.value)
            return True
        if is_ours:
            _set(proxy, change.slot, tuple(list_rests(before)) if isinstance(before, tuple) else before)
        self._effects.pop(place, None)
        return is_ours

    def list_unfinished(self) -> list[Change]:
        """Return the changes that put back all that is not put back, the last one first."""
        return [Change(*place, None) for place in reversed(self._effects)]


def _is_left(value: Fault, present: Fault | None) -> bool:
    """Return whether *value* is what is *present*. Rules whose own time is over may be missing."""
    if not (isinstance(value, tuple) and isinstance(present, tuple)):
        return value == present
    return all(rule in value for rule in present) and all(rule in present or 'for' in rule.limits for rule in value)


def _get(proxy: Scheduled, slot: str) -> Fault | None:
    if slot == BEHAVIOR:
        return tuple(proxy.rules)
    if slot == ENABLED:
        return proxy.enabled
    return next((rule for rule in proxy.toxics if rule.name == _name_toxic(slot)), None)


def _set(proxy: Scheduled, slot: str, value: Fault | None) -> None:
    if isinstance(value, tuple):
        proxy.arm(value)
    elif isinstance(value, ToxicRule):
        proxy.toxics.put(value)
    elif value is None:
        proxy.toxics.remove(_name_toxic(slot))
    elif value != proxy.enabled:
        if value:
            proxy.start(wait=False)
        else:
            proxy.shut_down(keeps_port=True)


def _name_toxic(slot: str) -> str:
    return slot.removeprefix(f'{TOXIC} ')
