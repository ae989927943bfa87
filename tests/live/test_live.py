"""Who looks, and those who read too slowly."""

from __future__ import annotations

import re
from collections.abc import Callable
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any, NamedTuple

import gevent
import msgspec
import pytest
from gevent import GreenletExit, socket as green

from tests.loop import in_loop
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.clock import no_pause
from vaurien.control.server import ControlServer
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import BusyError
from vaurien.live import live as module, reader
from vaurien.live.live import MOST_READERS, Live
from vaurien.live.live_proxy import LiveProxy
from vaurien.rules.behaviors import make_rules
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import ProxySettings


class Sent(NamedTuple):
    """An event as it was sent."""

    name: str
    number: int
    data: Any


def parse(text: bytes) -> list[Sent]:
    """Return the events in *text*."""
    found = re.findall(rb'event: (\w+)\nid: (\d+)\ndata: (.*)\n\n', text)
    return [Sent(name.decode(), int(number), msgspec.json.decode(data)) for name, number, data in found]


def wait_until(check: Callable[[], object]) -> None:
    with gevent.Timeout(TIMEOUT):
        while not check():
            gevent.sleep(0.001)


def test_who_reads_nothing_is_dropped_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, 'MOST_BYTES', 256 * 1024)
    many = make_rules(','.join(f'1:delay(match="{"x" * 900}")' for _ in range(20)))

    def read_nothing() -> int:
        proxies = Proxies([ProxySettings(name='one')])
        server = ControlServer(proxies, Address(HOST, 0))
        server.start()
        live = server._live
        proxies['one'].arm(many)  # which has each change show much
        try:
            with green.socket() as client:
                client.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
                client.connect(tuple(server.address))
                client.sendall(b'GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n')
                wait_until(lambda: live.readers)
                with gevent.Timeout(TIMEOUT):
                    while not live.dropped:
                        proxies['one'].set_backend(Address(HOST, 1))
                        gevent.sleep(0)
            wait_until(lambda: not live.readers)
        finally:
            server.stop()
        return live.dropped

    assert in_loop(read_nothing) == 1


def test_only_so_many_may_read() -> None:
    def read() -> None:
        proxies = Proxies([])
        live = Live(proxies, Scheduler(proxies))
        readers = [live.read() for _ in range(MOST_READERS)]
        for one in readers:
            next(one)
        with pytest.raises(BusyError):
            live.read()
        readers[0].close()
        live.read()
        live.stop()

    in_loop(read)


def test_nothing_is_counted_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'LINGER', 0.01)
    monkeypatch.setattr(module, 'PERIOD', 0.01)

    def look() -> list[int]:
        proxies = Proxies([ProxySettings(name='one')])
        observers = proxies['one'].observers
        before = len(observers.on_fault)
        live = Live(proxies, Scheduler(proxies))
        counts = [len(observers.on_fault) - before]
        live.look()
        counts.append(len(observers.on_fault) - before)
        wait_until(lambda: len(observers.on_fault) == before)
        live.look()
        counts.append(len(observers.on_fault) - before)
        live.stop()
        counts.append(len(observers.on_fault) - before)
        return counts

    assert in_loop(look) == [0, 1, 1, 0]


def test_a_proxy_that_is_added_opens_its_own_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_ = LiveProxy.open

    def note(watched: LiveProxy, take: Callable[[], object]) -> None:
        opened.append(watched.name)
        open_(watched, take)

    def look() -> None:
        proxies = Proxies([ProxySettings(name='p0')])
        live = Live(proxies, Scheduler(proxies))
        live.look()
        monkeypatch.setattr(LiveProxy, 'open', note)
        for number in range(1, 100):
            proxies.add(ProxyServer(ProxySettings(name=f'p{number}')))
        live.stop()

    in_loop(look)
    assert opened == [f'p{number}' for number in range(1, 100)]


def test_silence_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'HEARTBEAT', 0.001)

    def read() -> list[bytes]:
        proxies = Proxies([])
        live = Live(proxies, Scheduler(proxies))
        events = live.read()
        said = [next(events)[:16], next(events)]
        live.stop()
        return said

    assert in_loop(read) == [b'event: snapshot\n', b': heartbeat\n\n']


def test_what_happens_during_a_snapshot_comes_once_and_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> list[Sent]:
        proxies = Proxies([ProxySettings(name='one')])
        live = Live(proxies, Scheduler(proxies))
        proxies['one'].set_backend(Address(HOST, 1))
        events = live.read()
        live.look()

        class Meanwhile:
            """Turns in whose first pause a backend is changed, and a second ends."""

            is_over = False

            def begin(self) -> Callable[[], object]:
                return self.pause

            def pause(self) -> None:
                if not self.is_over:
                    self.is_over = True
                    proxies['one'].set_backend(Address(HOST, 2))
                    live._measure(1.0, no_pause)

        monkeypatch.setattr(module, 'get_turns', Meanwhile)
        told = parse(next(events) + next(events))
        live.stop()
        return told

    snapshot, change, second = in_loop(read)
    assert [one.name for one in (snapshot, change, second)] == ['snapshot', 'change', 'second']
    assert snapshot.number < change.number < second.number
    assert [one['text'] for one in snapshot.data['changes']] == ['proxy one', f'backend {HOST}:1']
    assert change.data['text'] == f'backend {HOST}:2'
    assert snapshot.data['series']['one'].get('time', []) == []


def test_what_fails_ends_all_and_the_next_one_who_looks_begins_anew(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, 'PERIOD', 0.01)
    failures = [True]
    measure = LiveProxy.measure

    def fail_once(watched: LiveProxy, *args: Any) -> Any:
        if failures:
            failures.pop()
            raise RuntimeError('it cannot count')
        return measure(watched, *args)

    monkeypatch.setattr(LiveProxy, 'measure', fail_once)

    def read() -> list[str]:
        proxies = Proxies([ProxySettings(name='one')])
        live = Live(proxies, Scheduler(proxies))
        with gevent.Timeout(TIMEOUT):
            assert len(parse(b''.join(live.read()))) == 1
            events = live.read()
            told = parse(next(events) + next(events))
        live.stop()
        return [one.name for one in told[:2]]

    assert in_loop(read) == ['snapshot', 'second']
    assert 'it cannot count' in capfd.readouterr().err


def test_one_who_leaves_while_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(watched: LiveProxy, pause: Callable[[], object]) -> None:
        raise GreenletExit

    def look() -> bool:
        proxies = Proxies([ProxySettings(name='one')])
        live = Live(proxies, Scheduler(proxies))
        with monkeypatch.context() as patch:
            patch.setattr(LiveProxy, 'begin', leave)
            with pytest.raises(GreenletExit):
                live.look()
        before = len(proxies['one'].observers.on_fault)
        live.look()
        has_begun = len(proxies['one'].observers.on_fault) > before
        live.stop()
        return has_begun

    assert in_loop(look)
