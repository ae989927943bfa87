"""What happened in a test: counts and times. No socket, no clock."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import NamedTuple


class Death(NamedTuple):
    """A connection that the server closed."""

    #: Of the connection, from 1 on, in the order of dialing.
    connection: int
    #: The address it was dialed from.
    local: str
    #: Seconds that it was established for.
    after: float
    #: ``EOF`` for an end in order, or the name of an errno.
    reason: str


class Record:
    """Everything about one test that reports are made of. Times are in seconds; moments count from its beginning."""

    def __init__(self, total: int) -> None:
        self.total = total
        #: How many connections are in each state; `not_initiated` is the rest.
        self.dialing = 0
        self.established = 0
        self.closed = 0
        self.failed = 0
        #: The most that were established at one time.
        self.most = 0
        #: How long each took to be established, and when it was; likewise to fail.
        self.responses = array('d')
        self.established_at = array('d')
        self.failures = array('d')
        self.failed_at = array('d')
        self.closed_at = array('d')
        self.deaths: list[Death] = []
        self.errors: Counter[str] = Counter()
        #: When the last was dialed, and when all was over.
        self.dialed_at: float | None = None
        self.over_at: float | None = None
        self.interrupted = False

    @property
    def not_initiated(self) -> int:
        """How many have not been dialed yet."""
        return self.total - self.dialing - self.settled

    @property
    def settled(self) -> int:
        """How many have been dialed and are not dialing any more."""
        return self.established + self.closed + self.failed

    @property
    def total_established(self) -> int:
        """How many were established at any time."""
        return len(self.responses)

    def on_dialing(self) -> None:
        """One more is being dialed."""
        self.dialing += 1

    def on_established(self, seconds: float, at: float) -> None:
        """It took so long."""
        self.dialing -= 1
        self.established += 1
        self.most = max(self.most, self.established)
        self.responses.append(seconds)
        self.established_at.append(at)

    def on_failed(self, error: str, seconds: float, at: float) -> None:
        """It took so long to know."""
        self.dialing -= 1
        self.failed += 1
        self.errors[error] += 1
        self.failures.append(seconds)
        self.failed_at.append(at)

    def on_closed(self, death: Death, at: float) -> None:
        """One that was established is no more."""
        self.established -= 1
        self.closed += 1
        self.deaths.append(death)
        self.closed_at.append(at)
