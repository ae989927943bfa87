"""Records and results of tests that were not made."""

from __future__ import annotations

from datetime import datetime, timezone

from tests.tcpgoon.dialing import target
from vaurien.tcpgoon import plan
from vaurien.tcpgoon.handshake import Recipe
from vaurien.tcpgoon.record import Death, Record
from vaurien.tcpgoon.result import Result
from vaurien.tcpgoon.settings import Settings


def make_record(established: int = 0, failed: int = 0, closed: int = 0, total: int | None = None) -> Record:
    """Return the record of a test whose connections came one after the other; the first were closed in the end."""
    record = Record(established + failed if total is None else total)
    for number in range(established):
        record.on_dialing()
        record.on_established((number + 1) / 1000, number)
    for number in range(failed):
        record.on_dialing()
        record.on_failed('ECONNREFUSED' if number else 'EMFILE', 0.5, established + number)
    for number in range(closed):
        record.on_closed(Death(number + 1, '127.0.0.1:40000', 1.5, 'EOF'), established + failed + number)
    return record


def make_result(record: Record, **settings: float) -> Result:
    """Return the result of a test that was not made."""
    test = plan.Test('web', Recipe(target(80), None, b'', b''))
    return Result(test, Settings(**settings), datetime(2026, 1, 5, tzinfo=timezone.utc), record)  # type: ignore[arg-type]
