"""A test that is over, and its exit status."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from vaurien.console.statuses import INTERRUPTED
from vaurien.tcpgoon.plan import Test
from vaurien.tcpgoon.record import Record
from vaurien.tcpgoon.settings import Settings


class Result(NamedTuple):
    """The result of a test."""

    test: Test
    settings: Settings
    began: datetime
    record: Record

    @property
    def exit_status(self) -> int:
        """0 if all connections were established, 1 if some failed, 130 if it was interrupted.

        With ``--hold``, a connection that the server closed has failed.
        """
        record = self.record
        if record.interrupted:
            return INTERRUPTED
        return 1 if record.failed or (self.settings.hold is not None and record.closed) else 0


def worst_status(results: Iterable[Result]) -> int:
    """Return the worst exit status of several tests."""
    return max(result.exit_status for result in results)
