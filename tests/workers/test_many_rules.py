"""As many rules as fit into one request, and others that are armed while they are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic, process_time

import gevent
import pytest
from gevent.pool import Group

from tests.arming import rule
from tests.loop import in_loop
from vaurien.address import NOWHERE, Address
from vaurien.console.log import TEXT
from vaurien.engine.proxy import ProxyServer
from vaurien.rules.rule import Rule
from vaurien.settings import ProxySettings
from vaurien.workers.desired_state import DesiredState
from vaurien.workers.pool import Pool
from vaurien.workers.process import Setup
from vaurien.workers.proxy import SharedProxy
from vaurien.workers.report import Report, RuleCounts
from vaurien.workers.served import ServedProxy

SETUP = Setup({}, 'warning', '-', TEXT)

MANY = 16_000
#: Seconds of the processor that are enough for a few steps for each rule, but not for looks at all others.
SECONDS = 1.5

SETTINGS = ProxySettings(backend=NOWHERE, protocol='redis', seed=1)


def make_rules(count: int = MANY, **limits: float) -> Sequence[Rule]:
    return [rule('delay', 0, **limits) for _ in range(count)]


def make_state(arming: int, rules: Sequence[Rule]) -> DesiredState:
    address = Address('127.0.0.1', 1)
    return DesiredState(SETTINGS, (address,), NOWHERE, arming, dict(enumerate(rules)), (), None)


def make_served() -> ServedProxy:
    return ServedProxy(make_state(1, make_rules()), lambda *_: None, lambda: None)


def report() -> Callable[[], object]:
    return make_served().report


def list_in_parent() -> Callable[[], object]:
    proxy = SharedProxy(Pool(2, SETUP), SETTINGS)
    proxy.arm(make_rules())
    return proxy.list_armed


def state_in_parent() -> Callable[[], object]:
    proxy = SharedProxy(Pool(2, SETUP), SETTINGS)
    proxy.arm(make_rules())
    return proxy.desired_state


def end_all() -> Callable[[], object]:
    proxy = ProxyServer(SETTINGS)
    proxy.arm(make_rules(for_=0.001))
    return lambda: proxy._end_rules()


def end_in_worker() -> Callable[[], object]:
    proxy = ServedProxy(make_state(1, make_rules(for_=0.001)), lambda *_: None, lambda: None)
    return lambda: proxy._end_rules()


@pytest.mark.parametrize('prepare', [report, list_in_parent, state_in_parent, end_all, end_in_worker])
def test_what_is_done_for_each_takes_linear_time(prepare: Callable[[], Callable[[], object]]) -> None:
    def run() -> float:
        call = prepare()
        began = process_time()
        call()
        return process_time() - began

    assert in_loop(run) < SECONDS


def test_others_are_armed_while_a_worker_counts() -> None:
    def run() -> tuple[Report, Report]:
        proxy = make_served()
        counting = Group().spawn(proxy.report)
        while not counting.started or counting.ready():
            gevent.sleep(0)
        began = monotonic()
        while monotonic() < began + 0.002:  # it has paused by now
            gevent.sleep(0)
        proxy.follow(make_state(2, make_rules(1)))
        return counting.get(), proxy.report()

    before, after = in_loop(run)
    assert (before.arming, len(before.rules)) == (1, MANY)
    assert (after.arming, after.rules) == (2, {0: RuleCounts()})
