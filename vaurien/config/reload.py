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
        #: The settings of each proxy, and the schedule, that were applied last: what fails is tried again.
        self._applied = _by_name(settings)
        self._schedule = settings.schedule

    def apply(self, settings: Settings) -> None:
        """Apply what has changed, and log it; raise `ConfigError`, with nothing applied, for a mistake.

        What fails nevertheless, such as in a worker, is logged. All else is applied.
        """
        changed = list(self._find_changed(settings))
        for proxy, _, after in changed:
            _check(proxy, after)
        reschedules = self._schedule != settings.schedule
        if reschedules and settings.schedule is not None:
            check_schedule(self._scheduler, settings.schedule, is_early=True)
        before, self._settings = self._settings, settings
        self._proxies.configure(settings.defaults)
        applied: list[str] = []
        known = self._applied
        self._applied = _by_name(settings)
        for proxy, *pair in changed:
            if not _try(f'proxy {proxy.name}', _apply(proxy, *pair), applied):
                self._applied[proxy.name] = known[proxy.name]
        if reschedules and _try('schedule', _replace_schedule(self._scheduler, settings.schedule), applied):
            self._schedule = settings.schedule
        logger.info('reloaded: %s', ', '.join(applied) or 'no fault has changed')
        unapplied = list(find_unapplied(before, settings))
        if unapplied:
            logger.warning('changed, but not before the next start: %s', ', '.join(unapplied))

    def _find_changed(self, settings: Settings) -> Iterator[tuple[ProxyServer, ProxySettings, ProxySettings]]:
        """Yield each proxy that has other faults than before, with its settings before and now."""
        for after in settings.each_proxy:
            before, proxy = self._applied.get(after.name), self._proxies.get(after.name)
            if before is not None and proxy is not None and list(_differences(before, after, FAULTS)):
                yield proxy, before, after


def find_unapplied(before: Settings, after: Settings) -> Iterator[str]:
    """Yield the keys that differ, and take effect at a start only."""
    fields = [field for field in ProxySettings.__struct_fields__ if field not in (*FAULTS, 'name')]
    applied = (*ProxySettings.__struct_fields__, 'proxies', 'schedule')
    own = [field for field in Settings.__struct_fields__ if field not in applied]
    yield from _differences(before, after, own)
    known = _by_name(before)
    for one in after.each_proxy:
        if one.name not in known:
            yield f'proxy {one.name}'
        else:
            yield from (f'{field} of {one.name}' for field in _differences(known[one.name], one, fields))
    for name in known.keys() - {one.name for one in after.each_proxy}:
        yield f'proxy {name}'


def _by_name(settings: Settings) -> dict[str, ProxySettings]:
    return {one.name: one for one in settings.each_proxy}


def _differences(before: Any, after: Any, fields: Iterable[str]) -> Iterator[str]:
    return (field.replace('_', '-') for field in fields if getattr(before, field) != getattr(after, field))


def _check(proxy: ProxyServer, settings: ProxySettings) -> None:
    try:
        proxy.check(settings)
    except ConfigError as error:
        raise error.within(f'proxy {proxy.name}') from None


def _try(what: str, changes: Iterable[str], applied: list[str]) -> bool:
    """Make *changes* of something, and add what they are to *applied*; return False, and log why, if one fails."""
    try:
        for change in changes:
            applied.append(change)
    except Exception as error:  # whatever a worker or somebody's plug-in raises
        logger.error('not reloaded: %s: %s', what, error)
        return False
    return True


def _replace_schedule(scheduler: Scheduler, schedule: Schedule | None) -> Iterator[str]:
    if schedule is None:
        scheduler.stop()
    else:
        scheduler.start(schedule, is_early=True)
    yield 'the schedule'


def _apply(proxy: ProxyServer, before: ProxySettings, after: ProxySettings) -> Iterator[str]:
    """Apply the faults that differ, and yield what they are."""
    proxy.configure(after)
    if list(_differences(before, after, OPTIONS)):
        yield f'options of {proxy.name}'
    if before.behaviors != after.behaviors:
        proxy.arm(after.behaviors)
        yield f'behaviors of {proxy.name}'
    if before.toxics != after.toxics:
        _replace_toxics(proxy.toxics, after.toxics)
        yield f'toxics of {proxy.name}'


def _replace_toxics(toxics: Toxics, rules: Sequence[ToxicRule]) -> None:
    """Have *rules* as the toxics."""
    wanted = {rule.name for rule in rules}
    for rule in list(toxics):
        if rule.name not in wanted:
            toxics.remove(rule.name)
    for rule in rules:
        toxics.put(rule)
