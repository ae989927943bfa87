"""What happened in a test: counts and times. It needs no socket and no clock."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import NamedTuple


class Death(NamedTuple):
    """The end of a connection that the server closed."""

    #: The number of the connection, from 1, in the order of dialing.
    connection: int
    #: The local address.
    local: str
    #: Seconds that the connection was established.
    after: float
    #: ``EOF`` if the server closed in order, else the name of an errno.
    reason: str


class Record:
    """The counts and times of one test, in seconds. Those named ``…_at`` count from its start."""

    def __init__(self, total: int) -> None:
        self.total = total
        #: How many connections are in each state. `not_initiated` counts the others.
        self.dialing = 0
        self.established = 0
        self.closed = 0
        self.failed = 0
        #: The most connections that were established at the same time.
        self.most = 0
        #: How long each connection took to be established or to fail, and when it was or did.
        self.responses = array('d')
        self.established_at = array('d')
        self.failures = array('d')
        self.failed_at = array('d')
        self.closed_at = array('d')
        self.deaths: list[Death] = []
        self.errors: Counter[str] = Counter()
        #: When the last connection was established or had failed, and when the test was over.
        self.dialed_at: float | None = None
        self.over_at: float | None = None
        self.interrupted = False

    @property
    def not_initiated(self) -> int:
        """The number of connections that are not dialed yet."""
        return self.total - self.dialing - self.settled

    @property
    def settled(self) -> int:
        """The number of connections that are established, were established, or have failed."""
        return self.established + self.closed + self.failed

    @property
    def total_established(self) -> int:
        """The number of connections that were ever established."""
        return len(self.responses)

    def on_dialing(self) -> None:
        """Count a connection that is being dialed."""
        self.dialing += 1

    def on_established(self, seconds: float, at: float) -> None:
        """Count a connection that is established, so many seconds after it was dialed."""
        self.dialing -= 1
        self.established += 1
        self.most = max(self.most, self.established)
        self.responses.append(seconds)
        self.established_at.append(at)

    def on_failed(self, error: str, seconds: float, at: float) -> None:
        """Count a connection that has failed, so many seconds after it was dialed."""
        self.dialing -= 1
        self.failed += 1
        self.errors[error] += 1
        self.failures.append(seconds)
        self.failed_at.append(at)

    def on_closed(self, death: Death, at: float) -> None:
        """Count a connection that the server has closed."""
        self.established -= 1
        self.closed += 1
        self.deaths.append(death)
        self.closed_at.append(at)
