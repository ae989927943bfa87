"""Heartbeats, which show that a peer is still there."""

from __future__ import annotations

#: The default for ``--heartbeat-timeout``, in seconds. Locust's own limit of 3 is soon passed on a busy machine.
TIMEOUT: float = 9
#: The most seconds between two looks that count as silence.
MAX_STEP = 1.0


class Heartbeats:
    """The heartbeats of one peer, each of which proves that it is there.

    Silence is measured from look to look, not from the last heartbeat. A process that was too busy to look was also
    too busy to read the heartbeats, which still wait in its socket.
    """

    def __init__(self, timeout: float, now: float) -> None:
        """*timeout* is the seconds of silence after which the peer is lost, *now* is on the monotonic clock."""
        self._timeout = timeout
        self._silence = 0.0
        self._looked = now

    def beat(self) -> None:
        """Note a heartbeat, or any other message of the peer."""
        self._silence = 0.0

    def is_lost(self, now: float) -> bool:
        """Return whether the peer was silent for too long; call it at least once a second."""
        self._silence += min(now - self._looked, MAX_STEP)
        self._looked = now
        return self._silence > self._timeout
