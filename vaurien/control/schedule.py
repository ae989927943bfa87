"""The responders of ``/schedule``: the faults of a process over time."""

from __future__ import annotations

import falcon

from vaurien.config.files import MAX_SIZE
from vaurien.control.answers import DONE
from vaurien.control.body import read_mark
from vaurien.engine.turns import get_turns
from vaurien.schedule.reading import read_schedule
from vaurien.schedule.scheduler import Scheduler
from vaurien.web.body import read_object, send

#: The most bytes of a schedule: whatever a file may have, which JSON writes with more quotation marks.
MAX_BODY = 2 * MAX_SIZE
#: Bodies, for errors to show.
SCHEDULE = '{"steps": [{"at": "10s", "for": "5s", "behavior": "20:error"}]}'
MARK = '{"name": "deploy"}'


class ScheduleResource:
    """The schedule that runs. It is that of a body: no file is read for a request."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get the status of the schedule."""
        send(resp, self._scheduler.status())

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Run a schedule.

        One that still runs is stopped first, and puts back what it has changed.
        """
        pause = get_turns().begin()
        schedule = read_schedule(read_object(req, resp, SCHEDULE, MAX_BODY), pause)
        self._scheduler.start(schedule, pause)
        send(resp, DONE)

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Stop the schedule.

        What it has changed is put back before the answer.
        """
        self._scheduler.stop()
        send(resp, DONE)

    def on_post_mark(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Set a mark.

        The steps after it begin.
        """
        self._scheduler.mark(read_mark(read_object(req, resp, MARK)))
        send(resp, DONE)
