"""A link of a proxy of the parent: its sockets are in a worker."""

from __future__ import annotations

from collections.abc import Callable

from vaurien.engine.link import Link
from vaurien.records.counts import Counts
from vaurien.records.status import LinkStatus
from vaurien.workers.worker import Worker


class RemoteLink(Link):
    """Stands for a link that a worker has: everything that is done to it there is done by what the worker is told."""

    def __init__(
        self,
        number: int,
        worker: Worker,
        show: Callable[[Worker, int], LinkStatus | None],
        end: Callable[[int], object],
    ) -> None:
        """*show* asks the worker for the status of the link of a number, *end* has it closed."""
        self.number = number
        self.worker = worker
        self.closed = False
        self._show = show
        self._end = end

    @property
    def connected(self) -> bool:
        """Whether there are streams here, which there never are."""
        return False

    @property
    def is_leaving(self) -> bool:
        """Whether anything is on its way here, which there never is."""
        return False

    @property
    def is_at_work(self) -> bool:
        """Whether it is none of the parent's business how idle it is."""
        return True

    def counts(self) -> Counts:
        """Return nothing: the worker counts."""
        return Counts()

    def count_arrived(self) -> tuple[int, int, int]:
        """Return nothing, likewise."""
        return 0, 0, 0

    def look_once(self) -> None:
        """Time nothing: its exchanges are elsewhere."""

    def rearm(self) -> None:
        """Do nothing: the worker arms its link anew when it is told of the rules."""

    def retire(self) -> None:
        """Do nothing: the worker retires its link when it is told of the other backend."""

    def status(self) -> LinkStatus:
        """Return everything about it; little if it has closed meanwhile."""
        return self._show(self.worker, self.number) or {
            'id': self.number,
            'client': None,
            'backend': None,
            'age': 0.0,
            'bytes': {'upstream': 0, 'downstream': 0},
            'exchanges': 0,
            'behavior': None,
            'toxics': [],
        }

    def end(self, *, resets: bool = False) -> None:
        """Have the worker close it."""
        self._end(self.number)

    def forget(self) -> None:
        """Note that it has closed."""
        self.closed = True
