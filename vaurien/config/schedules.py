"""Schedules from files of their own, and from the section ``[schedule]``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from vaurien.config.files import read_document
from vaurien.config.source import Source, place_in
from vaurien.errors import ConfigError, ControlError
from vaurien.plugins.distribution import reading_files
from vaurien.plugins.options import convert, shorten
from vaurien.schedule.reading import read_schedule
from vaurien.schedule.schedule import Schedule

if TYPE_CHECKING:  # `vaurienctl` reads settings, and needs no event loop
    from vaurien.schedule.scheduler import Scheduler

#: A schedule as a program has it: the path of a file, what could be in it, or its steps.
Plan = str | os.PathLike[str] | Mapping[str, object] | Sequence[Mapping[str, object]]

#: The HTTP status if a schedule has a mistake, or is too large.
REJECTED = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
#: The section, and the key of it that names a file.
SECTION, FILE = 'schedule', 'file'


def load_schedule(path: str) -> Schedule:
    """Return the schedule in a file; raise `ConfigError` with the file and the line as the path, if it is known."""
    tree, lines = _read_file(path)
    try:
        return read_schedule(tree)
    except ConfigError as error:
        raise type(error)(error.description, place_in(path, lines, error.path)) from None


@reading_files()
def open_schedule(plan: Plan) -> Schedule:
    """Return the schedule that *plan* is; raise `ConfigError`."""
    return load_schedule(os.fspath(plan)) if isinstance(plan, str | os.PathLike) else read_schedule(plan)


def read_plan(plan: Plan) -> dict[str, Any]:
    """Return the body of a request to run *plan*; raise `ConfigError` for a file that cannot have a schedule.

    The process that gets it checks the rest: it may have other plug-ins.
    """
    tree = _read_file(os.fspath(plan))[0] if isinstance(plan, str | os.PathLike) else plan
    body: dict[str, Any] = msgspec.to_builtins({'steps': tree} if isinstance(tree, Sequence) else tree)
    return body


def locate_in_plan(error: ControlError, plan: Plan) -> ControlError:
    """Return *error*, with which the API has rejected *plan*, with the place in the file if the plan is one."""
    if not isinstance(plan, str | os.PathLike) or error.status not in REJECTED:
        return error
    path = os.fspath(plan)
    description = str(error).removeprefix(f'{error.path}: ')
    place = place_in(path, _read_file(path)[1], error.path)
    return ControlError(f'{place}: {description}', error.status, error.path)


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


def locate_step(error: ConfigError, source: Source) -> ConfigError:
    """Return *error* of `check_schedule` with the place in *source*, or in the file that it names for a schedule."""
    given = source.sections[SECTION]
    if FILE not in given:
        return source.error(error, error.path)
    path = _read_path(given[FILE])
    return type(error)(error.description, place_in(path, _read_file(path)[1], error.path.removeprefix(f'{SECTION}.')))


def _read_file(path: str) -> tuple[Any, Mapping[str, int]]:
    """Return what is in a file, and the lines of it; raise `ConfigError` for what cannot be a schedule."""
    tree, lines, is_text = read_document(path)
    if is_text:
        raise ConfigError('a schedule has lists: expected a file named .toml, or .yaml (or .yml)', path)
    if not isinstance(tree, list | dict):
        raise ConfigError(f'expected a schedule, got {shorten(tree)}', path)
    return tree, lines


def _read_path(given: Any) -> str:
    try:
        return str(convert(given, str))
    except ConfigError as error:
        raise error.within(FILE) from None
