"""Schedules from files of their own, and from the section ``[schedule]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vaurien.config.files import read_document
from vaurien.config.source import Source, place_in
from vaurien.errors import ConfigError
from vaurien.plugins.options import convert
from vaurien.schedule.reading import read_schedule
from vaurien.schedule.schedule import Schedule

if TYPE_CHECKING:  # `vaurienctl` reads settings, and needs no event loop
    from vaurien.schedule.scheduler import Scheduler

#: The section, and the key of it that names a file.
SECTION, FILE = 'schedule', 'file'


def load_schedule(path: str) -> Schedule:
    """Return the schedule in a file; raise `ConfigError` with the file and the line as the path, if it is known."""
    tree, lines, is_text = read_document(path)
    if is_text:
        raise ConfigError('a schedule has lists: expected a file named .toml, or .yaml (or .yml)', path)
    try:
        return read_schedule(tree)
    except ConfigError as error:
        raise type(error)(error.description, place_in(path, lines, error.path)) from None


def read_section(source: Source, given: dict[str, Any]) -> Schedule:
    """Return the schedule in the section ``[schedule]``, or in the file that it names; raise `ConfigError`."""
    try:
        if FILE not in given:
            return read_schedule(given)
        if len(given) > 1:
            raise ConfigError('there is more: give a file, or the schedule itself', FILE)
        path = _read_path(given[FILE])
    except ConfigError as error:
        raise source.error(error, SECTION, *filter(None, [error.path])) from None
    return load_schedule(path)


def check_schedule(scheduler: Scheduler, schedule: Schedule, *, is_early: bool) -> Schedule:
    """Return the schedule as it will run; raise `ConfigError` if the proxies cannot have what it says.

    If it *is_early*, proxies may still come.
    """
    try:
        return scheduler.check(schedule, is_early=is_early)
    except ConfigError as error:
        raise error.within('schedule') from None


def _read_path(given: Any) -> str:
    try:
        return str(convert(given, str))
    except ConfigError as error:
        raise error.within(FILE) from None
