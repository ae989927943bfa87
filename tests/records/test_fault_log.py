"""The log of faults: what it remembers, and what is left to take."""

from __future__ import annotations

from vaurien.records.fault_log import KEPT, FaultLog
from vaurien.records.faults import Fault


def make_fault(exchange: int) -> Fault:
    return Fault(time=1.5, link=1, exchange=exchange, behavior='error', options={}, request='PING')


def exchanges(faults: list[Fault]) -> list[int]:
    return [fault.exchange for fault in faults]


def test_the_oldest_comes_first() -> None:
    log = FaultLog()
    assert log.last() == []
    for exchange in (3, 1, 2):
        log.on_fault(make_fault(exchange))
    assert exchanges(log.last()) == [3, 1, 2]


def test_only_the_last_are_remembered() -> None:
    log = FaultLog()
    for exchange in range(KEPT + 5):
        log.on_fault(make_fault(exchange))
    assert exchanges(log.last()) == list(range(5, KEPT + 5))
    assert log.take() == make_fault(5)


def test_each_is_taken_once_and_stays_remembered() -> None:
    log = FaultLog()
    assert log.take() is None
    log.on_fault(make_fault(1))
    log.on_fault(make_fault(2))
    assert [log.take(), log.take(), log.take()] == [make_fault(1), make_fault(2), None]
    assert exchanges(log.last()) == [1, 2]
    log.on_fault(make_fault(3))
    assert log.take() == make_fault(3)


def test_renew_leaves_nothing_to_take() -> None:
    log = FaultLog()
    log.on_fault(make_fault(1))
    log.forget_untaken()
    assert log.take() is None
    log.on_fault(make_fault(2))
    assert log.take() == make_fault(2)
    assert exchanges(log.last()) == [1, 2]


def test_clear_forgets_everything() -> None:
    log = FaultLog()
    log.on_fault(make_fault(1))
    log.clear()
    assert log.last() == []
    assert log.take() is None
