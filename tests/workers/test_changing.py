"""Proxies that change while a worker starts, or while they stop, and what cannot be told: real workers, in the test."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import gevent
import psutil
import pytest
from gevent.pool import Group

from tests.workers.pools import with_pool
from vaurien.address import NOWHERE, Address
from vaurien.behaviors.dummy import Dummy
from vaurien.errors import WorkerError
from vaurien.plugins.options import Parsed
from vaurien.plugins.registry import Registry
from vaurien.rules.behaviors import make_rules
from vaurien.settings import ProxySettings
from vaurien.workers.desired_state import DesiredState
from vaurien.workers.pool import Pool
from vaurien.workers.proxy import SharedProxy
from vaurien.workers.served import Served
from vaurien.workers.worker import MOST_ASKED

HERE = Address('127.0.0.1', 0)
SETTINGS = ProxySettings(backend=NOWHERE, proxy=HERE, protocol='redis', seed=1)


class Asked:
    """A proxy that does something when it is asked what a worker is to know of it."""

    def __init__(self) -> None:
        self.on_asked: Callable[[], object] = lambda: None

    def desired_state(self) -> DesiredState:
        self.on_asked()
        return DesiredState(SETTINGS, (HERE,), NOWHERE, 1, {}, (), None)

    def on_room(self) -> None:
        """Do nothing, as below: there are no clients."""

    def on_event(self, *_: object) -> None:
        pass

    def on_worker_ended(self, *_: object) -> None:
        pass

    def on_report(self, *_: object) -> None:
        pass


def replace_worker(pool: Pool) -> None:
    """Have the only worker replaced, and return when another one is ready."""
    (before,) = pool.pids
    psutil.Process(before).kill()
    wait_until(lambda: pool.pids not in ([], [before]))


def wait_until(condition: Callable[[], object]) -> None:
    while not condition():
        gevent.sleep(0.01)


def list_keys(pool: Pool) -> list[list[int]]:
    """Return the keys of the proxies that each worker has."""
    return [list(reports) for reports in pool.tell(Served.report_all)]


def test_a_proxy_that_leaves_while_a_worker_starts_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(pool: Pool) -> list[list[int]]:
        leaving, staying = Asked(), Asked()
        key = pool.join(leaving)
        pool.join(staying)
        leaving.on_asked = lambda: Group().spawn(pool.leave, key, 0.0)
        replace_worker(pool)
        return list_keys(pool)

    assert with_pool(monkeypatch, 1, play) == [[2]]


def test_changes_go_on_while_a_worker_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is told of proxies, and does not answer: what has changed meanwhile, it is told in the end."""

    def play(pool: Pool) -> list[list[int]]:
        proxy, stopped = Asked(), list[psutil.Process]()
        pool.join(proxy)
        psutil.Process(*pool.pids).kill()

        def stop_new() -> None:
            proxy.on_asked = lambda: None
            stopped.extend(one for one in psutil.Process().children() if 'vaurien.workers' in one.cmdline())
            for one in stopped:
                one.suspend()

        proxy.on_asked = stop_new
        wait_until(lambda: stopped)
        try:
            pool.join(Asked())
        finally:
            for one in stopped:
                one.resume()
        wait_until(lambda: pool.pids)
        return list_keys(pool)

    assert with_pool(monkeypatch, 1, play) == [[1, 2]]


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced_however_much_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than fits into its socket: a change waits for the answer only, and that not for ever."""
    rules = make_rules(','.join(['0:delay'] * 4000))

    def play(pool: Pool) -> list[list[int]]:
        proxy = SharedProxy(pool, SETTINGS)
        proxy.start()
        before = pool.pids
        worker = psutil.Process(*before)
        worker.suspend()
        try:
            proxy.arm(rules)
            wait_until(lambda: pool.pids not in ([], before))
        finally:
            if worker.is_running():
                worker.kill()
        return list_keys(pool)

    assert with_pool(monkeypatch, 1, play) == [[1]]


def test_whatever_goes_wrong_a_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(pool: Pool) -> list[list[int]]:
        proxy = Asked()
        pool.join(proxy)

        def fail_once() -> None:
            proxy.on_asked = lambda: None
            raise RuntimeError('once')

        proxy.on_asked = fail_once
        replace_worker(pool)
        return list_keys(pool)

    assert with_pool(monkeypatch, 1, play) == [[1]]


def test_a_change_that_is_refused_while_the_proxy_stops_is_undone(
    monkeypatch: pytest.MonkeyPatch, behaviors: Registry[Dummy]
) -> None:
    class Sleepy(Dummy):
        """Is in no worker."""

        name = 'sleepy'

    behaviors.register(Sleepy)

    def play(pool: Pool) -> list[list[int]]:
        proxy = SharedProxy(pool, SETTINGS)
        proxy.start()
        arming = Group().spawn(capture, lambda: proxy.arm(make_rules('100:sleepy')))
        stopping = Group().spawn(proxy.shut_down)
        assert isinstance(arming.get(), WorkerError)
        stopping.get()
        assert not proxy.list_armed()
        return list_keys(pool)

    assert with_pool(monkeypatch, 2, play) == [[], []]


def capture(call: Callable[[], object]) -> Exception | None:
    """Return what *call* raises."""
    try:
        call()
    except Exception as error:
        return error
    return None


def test_a_proxy_that_stops_while_it_starts_is_in_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(pool: Pool) -> list[list[int]]:
        proxy = SharedProxy(pool, SETTINGS)
        starting = Group().spawn(proxy.start)
        wait_until(lambda: proxy.enabled)
        proxy.shut_down()
        starting.get()
        return list_keys(pool)

    assert with_pool(monkeypatch, 1, play) == [[]]


class Locked(Parsed):
    """A value with something in it that stays in its process."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = Lock()

    @classmethod
    def parse(cls, value: Any) -> Locked:
        return cls(value)


def test_what_cannot_be_sent_to_workers_is_refused(monkeypatch: pytest.MonkeyPatch, behaviors: Registry[Dummy]) -> None:
    """As often as somebody tries: workers are asked as before."""

    class Exclusive(Dummy):
        """Has such an option."""

        name = 'exclusive'
        options = {'what': ('Something', Locked | None, None)}

    behaviors.register(Exclusive)

    def play(pool: Pool) -> list[int]:
        proxy = SharedProxy(pool, SETTINGS)
        proxy.start()
        proxy.arm(make_rules('100:error'))
        for _ in range(MOST_ASKED):
            with pytest.raises(WorkerError, match=r"^workers cannot be told that, .* cannot pickle '_thread.lock'"):
                proxy.arm(make_rules('100:exclusive(what=that)'))
        assert [status['name'] for status in proxy.list_armed()] == ['error']
        return [len(reports) for reports in pool.ask(Served.report_all).values()]

    assert with_pool(monkeypatch, 2, play) == [1, 1]


def test_what_a_worker_cannot_send_back_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has answered then, and goes on."""

    def play(pool: Pool) -> bool:
        before = pool.pids
        assert pool.tell(vars) == []  # of what serves, the event loop included
        assert pool.tell(Served.report_all) == [{}]
        return pool.pids == before

    assert with_pool(monkeypatch, 1, play)
