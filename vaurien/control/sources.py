"""What the control API is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vaurien.console.writer import count_lost
from vaurien.engine.proxies import Proxies
from vaurien.journal.kept import KeptEntries
from vaurien.journal.replay import Replay
from vaurien.live.live import Live
from vaurien.schedule.scheduler import Scheduler


class Sources(NamedTuple):
    """What the responders show and change."""

    proxies: Proxies
    #: The scheduler of the proxies.
    scheduler: Scheduler
    #: What counts what happens, and sends it to the readers of events.
    live: Live
    #: The last exchanges of the journal that is written.
    kept: KeptEntries | None = None
    #: What is replayed of another journal.
    replay: Replay | None = None
    #: Returns how many lines of the log, the journal, the standard output and error could not be written.
    count_lost: Callable[[], int] = count_lost
