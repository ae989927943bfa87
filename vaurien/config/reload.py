"""Other faults for proxies that run: what has changed in a file since it was read."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from vaurien.config.schedules import check_schedule
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.toxicity import Toxics
from vaurien.errors import ConfigError
from vaurien.rules.toxics import ToxicRule
from vaurien.schedule.schedule import Schedule
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import FAULTS, OPTIONS, ProxySettings, Settings

logger = logging.getLogger(__name__)


class Reloader:
    """Applies new settings to proxies: of the faults, those that differ from the settings before.

    What was armed over the control API stays, until the file says something else about the same proxy.
    """

    def __init__(self, proxies: Proxies, scheduler: Scheduler, settings: Settings) -> None:
        """*settings* are those that *proxies* were made of, and whose schedule *scheduler* runs."""
        self._proxies = proxies
        self._scheduler = scheduler
        self._settings = settings

    def apply(self, settings: Settings) -> None:
        """Apply what has changed, and log it; raise `ConfigError`, with nothing applied."""
        pairs = list(self._find_changed(settings))
        for proxy, _, after in pairs:
            _check(proxy, after)
        before = self._settings
        reschedules = before.schedule != settings.schedule
        if reschedules and settings.schedule is not None:
            check_schedule(self._scheduler, settings.schedule, is_early=True)
        self._settings = settings
        self._proxies.configure(settings.defaults)
        applied = [f'{what} of {proxy.name}' for proxy, *pair in pairs for what in _apply(proxy, *pair)]
        if reschedules:
            _replace_schedule(self._scheduler, settings.schedule)
            applied.append('the schedule')
        logger.info('reloaded: %s', ', '.join(applied) or 'no fault has changed')
        unapplied = list(find_unapplied(before, settings))
        if unapplied:
            logger.warning('changed, but not before the next start: %s', ', '.join(unapplied))

    def _find_changed(self, settings: Settings) -> Iterator[tuple[ProxyServer, ProxySettings, ProxySettings]]:
        """Yield each proxy that has other faults than before, with its settings before and now."""
        known = {one.name: one for one in self._settings.each_proxy}
        for after in settings.each_proxy:
            before, proxy = known.get(after.name), self._proxies.get(after.name)
            if before is not None and proxy is not None and list(_differences(before, after, FAULTS)):
                yield proxy, before, after


def find_unapplied(before: Settings, after: Settings) -> Iterator[str]:
    """Yield the keys that differ, and take effect at a start only."""
    fields = [field for field in ProxySettings.__struct_fields__ if field not in (*FAULTS, 'name')]
    applied = (*ProxySettings.__struct_fields__, 'proxies', 'schedule')
    own = [field for field in Settings.__struct_fields__ if field not in applied]
    yield from _differences(before, after, own)
    known = {one.name: one for one in before.each_proxy}
    for one in after.each_proxy:
        if one.name not in known:
            yield f'proxy {one.name}'
        else:
            yield from (f'{field} of {one.name}' for field in _differences(known[one.name], one, fields))
    for name in known.keys() - {one.name for one in after.each_proxy}:
        yield f'proxy {name}'


def _differences(before: Any, after: Any, fields: Iterable[str]) -> Iterator[str]:
    return (field.replace('_', '-') for field in fields if getattr(before, field) != getattr(after, field))


def _check(proxy: ProxyServer, settings: ProxySettings) -> None:
    try:
        proxy.check(settings)
    except ConfigError as error:
        raise error.within(f'proxy {proxy.name}') from None


def _replace_schedule(scheduler: Scheduler, schedule: Schedule | None) -> None:
    if schedule is None:
        scheduler.stop()
    else:
        scheduler.start(schedule, is_early=True)


def _apply(proxy: ProxyServer, before: ProxySettings, after: ProxySettings) -> Iterator[str]:
    """Apply the faults that differ, and yield what they are."""
    if list(_differences(before, after, OPTIONS)):
        proxy.configure(after)
        yield 'options'
    if before.behaviors != after.behaviors:
        proxy.arm(after.behaviors)
        yield 'behaviors'
    if before.toxics != after.toxics:
        _replace_toxics(proxy.toxics, after.toxics)
        yield 'toxics'


def _replace_toxics(toxics: Toxics, rules: Sequence[ToxicRule]) -> None:
    """Have *rules* as the toxics."""
    wanted = {rule.name for rule in rules}
    for rule in list(toxics):
        if rule.name not in wanted:
            toxics.remove(rule.name)
    for rule in rules:
        toxics.put(rule)
