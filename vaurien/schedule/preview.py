"""The timeline as lines, before anything happens."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from vaurien.schedule.change import TimedChange
from vaurien.schedule.schedule import Schedule
from vaurien.schedule.timeline import Timeline

#: The most moments from the start, and from each mark, that are shown: a schedule may go on for ever.
MOST = 1000


def preview(schedule: Schedule, seed: int) -> Iterator[str]:
    """Yield a line for each change: the seconds, then the change; of changes after a mark, the mark between them."""
    for mark in (None, *schedule.marks):
        # It is not known when a mark will be set, and so neither how much of its steps will be cut off.
        timeline = Timeline(schedule if mark is None else msgspec.structs.replace(schedule, length=None), seed)
        after = '' if mark is None else f'after {mark}: '
        yield from (f'{seconds:10.3f}  {after}{change}' for seconds, change in _list_first(timeline, mark))
        if timeline.due is not None:
            yield f'            {after}… and so on'


def _list_first(timeline: Timeline, mark: str | None) -> Iterator[TimedChange]:
    yield from timeline.mark(mark, 0.0)
    for _ in range(MOST):
        if timeline.due is not None:
            yield from timeline.advance(timeline.due)
