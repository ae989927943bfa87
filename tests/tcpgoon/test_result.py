"""The exit status of a test, and of several."""

from __future__ import annotations

from tests.tcpgoon.records import make_record, make_result
from vaurien.tcpgoon.record import Record
from vaurien.tcpgoon.result import worst_status


def test_the_exit_status() -> None:
    interrupted = make_record(established=3)
    interrupted.interrupted = True
    closed = make_record(established=3, closed=1)
    assert make_result(make_record(established=3)).exit_status == 0
    assert make_result(make_record(established=3, failed=1)).exit_status == 1
    assert make_result(interrupted).exit_status == 130
    assert make_result(closed).exit_status == 0
    assert make_result(closed, hold=1.0).exit_status == 1
    assert make_result(make_record(established=3), hold=1.0).exit_status == 0


def test_the_worst_status() -> None:
    fine, failed = make_result(make_record(established=1)), make_result(make_record(failed=1))
    interrupted = make_result(Record(1))
    interrupted.record.interrupted = True
    assert worst_status([fine, fine]) == 0
    assert worst_status([fine, failed, fine]) == 1
    assert worst_status([failed, interrupted]) == 130
