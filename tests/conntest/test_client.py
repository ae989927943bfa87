"""The runs of a group: how many at a time, and when each starts. The connections are played."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from tests.servers import TIMEOUT
from vaurien.conntest import client as client_module
from vaurien.conntest.client import Client
from vaurien.conntest.messages import RunGroup
from vaurien.conntest.timestamps import UNSET, parse_timestamp


class Wire:
    """Stands in for a `Connection`: *respond* returns the error of a run."""

    def __init__(self, respond: Callable[[str], str]) -> None:
        self.respond = respond
        self.is_closed = False

    def post(self, path: str, data: bytes) -> str:
        return self.respond(path)

    def close(self) -> None:
        self.is_closed = True


class Wires:
    """All connections of a client, and how many of them are in use."""

    def __init__(self, respond: Callable[[str], str] = lambda path: '') -> None:
        self.made: list[Wire] = []
        self.paths: list[str] = []
        self.busy = self.most_busy = 0
        self._respond = respond

    def connect(self) -> Any:
        self.made.append(Wire(self._post))
        return self.made[-1]

    def _post(self, path: str) -> str:
        self.paths.append(path)
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            gevent.sleep(0)
            return self._respond(path)
        finally:
            self.busy -= 1


def make_client(wires: Wires, sleep: Callable[[float], None] = gevent.sleep, **settings: Any) -> Client:
    """Return the client of a group with these settings."""
    group = RunGroup(
        run_group_id='group',
        test_runs=None,
        description='',
        created_at=UNSET,
        server_delay_ns=0,
        **{'run_count': 1, 'concurrency': 0, 'client_delay_ns': 0, **settings},
    )
    return Client(group, make_data=lambda: b'x', connect=wires.connect, path='/runs/', sleep=sleep)


def run(client: Client) -> None:
    """Run it to its end."""
    client.start()
    assert client.wait(TIMEOUT)


@pytest.mark.parametrize(('concurrency', 'busy'), [(0, 1), (1, 1), (3, 3), (20, 10)])
def test_so_many_at_a_time(concurrency: int, busy: int) -> None:
    wires = Wires()
    client = make_client(wires, run_count=10, concurrency=concurrency)
    run(client)
    assert sorted(test_run.run_count for test_run in client.runs) == list(range(1, 11))
    assert sorted(wires.paths) == sorted(f'/runs/{number}' for number in range(1, 11))
    assert (wires.most_busy, len(wires.made)) == (busy, busy)
    assert all(wire.is_closed for wire in wires.made)


def test_no_runs() -> None:
    client = make_client(Wires(), run_count=0)
    run(client)
    assert client.runs == []


def test_what_is_recorded() -> None:
    wires = Wires(lambda path: 'connection refused' if path.endswith('/2') else '')
    client = make_client(wires, run_count=3)
    run(client)
    assert [test_run.error for test_run in client.runs] == ['', 'connection refused', '']
    assert client.failed == 1
    assert all(test_run.data == b'x' and test_run.run_group_id == 'group' for test_run in client.runs)
    assert all(
        parse_timestamp(test_run.client_start) <= parse_timestamp(test_run.client_end) for test_run in client.runs
    )


def test_runs_start_no_sooner_than_the_delay_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    starts: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def respond(path: str) -> str:
        nonlocal now
        starts.append(now)
        if path.endswith('/3'):
            now += 5.0  # it takes longer than the delay: the next one starts at once
        return ''

    monkeypatch.setattr(client_module, 'monotonic', lambda: now)
    run(make_client(Wires(respond), sleep, run_count=5, client_delay_ns=2_000_000_000))
    assert starts == [100.0, 102.0, 104.0, 109.0, 111.0]


def test_stop() -> None:
    reached = Event()

    def respond(path: str) -> str:
        if path.endswith('/2'):
            reached.set()
            gevent.sleep(2 * TIMEOUT)
        return ''

    wires = Wires(respond)
    client = make_client(wires, run_count=10)
    client.start()
    assert reached.wait(TIMEOUT)
    assert not client.wait(0)
    client.stop()
    assert client.wait(TIMEOUT)
    assert (client.stopped, client.failed) == (True, 1)
    assert [(test_run.run_count, test_run.error) for test_run in client.runs] == [(1, ''), (2, 'interrupted')]
    assert wires.made[0].is_closed
