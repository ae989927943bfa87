"""The alarm for rules that are armed for a while, on a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.arming import rule
from vaurien.clock import Alarm
from vaurien.engine.expiry import Expiry
from vaurien.protocols.tcp import TCP
from vaurien.rules.rule import Rule


@dataclass
class FakeRuntime:
    """Keeps the alarms that are set, and starts no greenlet."""

    keeps_time: bool = True
    alarms: list[Alarm] = field(default_factory=list)

    @property
    def clock(self) -> FakeRuntime:
        return self

    def call_at(self, deadline: float, call: Callable[[], object]) -> Alarm:
        self.alarms.append(Alarm(deadline, call))
        return self.alarms[-1]

    def spawn(self, call: Callable[[], object]) -> None:
        call()

    def deadlines(self) -> list[float]:
        return [alarm.deadline for alarm in self.alarms if not alarm.is_cancelled]


def armed(**limits: Any) -> Rule:
    return rule('delay', **limits).arm(TCP, lambda: 100.0)


def make(runtime: FakeRuntime, calls: list[str]) -> Expiry:
    return Expiry(runtime, lambda: calls.append('over'))  # type: ignore[arg-type]


def test_the_first_one_that_is_over_counts() -> None:
    runtime, calls = FakeRuntime(), list[str]()
    make(runtime, calls).watch([armed(for_=30), armed(), armed(for_=10)])
    assert runtime.deadlines() == [110.0]
    runtime.alarms[0].ring()
    assert calls == ['over']


def test_nothing_is_waited_for_that_is_not_armed_any_more() -> None:
    runtime = FakeRuntime()
    expiry = make(runtime, [])
    expiry.watch([armed(for_=30)])
    expiry.watch([armed(for_=20)])
    assert runtime.deadlines() == [120.0]
    expiry.watch([armed()])
    assert runtime.deadlines() == []


def test_where_time_is_not_kept_it_waits_for_the_start() -> None:
    runtime = FakeRuntime(keeps_time=False)
    expiry, rules = make(runtime, []), [armed(for_=30)]
    expiry.watch(rules)
    assert runtime.deadlines() == []
    runtime.keeps_time = True
    expiry.watch(rules)
    assert runtime.deadlines() == [130.0]
