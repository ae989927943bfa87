"""The numbers that a link counts."""

from __future__ import annotations

from typing import NamedTuple


class Arrived(NamedTuple):
    """What has arrived on one link, or on several together: the part of `Counts` that costs next to nothing."""

    exchanges: int = 0
    upstream: int = 0
    downstream: int = 0


class Counts(NamedTuple):
    """The counts of one link, or of several together."""

    exchanges: int = 0
    #: Bytes read from the client, and bytes written to the backend.
    upstream_received: int = 0
    upstream_sent: int = 0
    #: Bytes read from the backend, and bytes written to the client.
    downstream_received: int = 0
    downstream_sent: int = 0
