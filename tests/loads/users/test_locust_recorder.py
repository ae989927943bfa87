"""What the clients of a test report reaches the statistics, under names of which there are not too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from locust import User
from locust.clients import LocustHttpAdapter
from locust.env import Environment

from tests.servers import Server
from vaurien.loads.stats import OTHERS, TestStats
from vaurien.loads.users import locust_recorder
from vaurien.loads.users.locust_recorder import LocustRecorder


@pytest.fixture
def stats() -> TestStats:
    """What all but requests is counted in."""
    return TestStats()


@pytest.fixture
def user() -> Iterator[User]:
    """Whose clients report."""
    environment = Environment()
    runner = environment.create_local_runner()
    yield User(environment)
    runner.greenlet.kill()


@pytest.fixture
def recorder(user: User, stats: TestStats) -> LocustRecorder:
    """A recorder for that user."""
    return LocustRecorder(user, stats)


def fire(recorder: LocustRecorder, name: str, **request: Any) -> None:
    defaults: dict[str, Any] = {'response': None, 'response_length': 2, 'exception': None, 'context': {}}
    recorder.fire(**{'request_type': 'GET', 'name': name, 'response_time': 3.0, **defaults, **request})


def names(user: User) -> list[tuple[str, str, int]]:
    """What Locust counted: method, name and number of requests."""
    return [(entry.method, entry.name, entry.num_requests) for entry in user.environment.stats.entries.values()]


def test_a_request_is_called_by_its_path(recorder: LocustRecorder, user: User) -> None:
    for name in ('http://localhost:9200/a?b=c', 'http://example.com/a', '/a?x', 'http://localhost', 'a name'):
        fire(recorder, name)
    assert names(user) == [('GET', '/a', 3), ('GET', '/', 1), ('GET', 'a name', 1)]
    total = user.environment.stats.total
    assert (total.num_requests, total.num_failures, total.avg_response_time) == (5, 0, 3.0)


def test_more_names_than_are_kept_apart(recorder: LocustRecorder, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locust_recorder, 'MAX_NAMES', 2)
    for name in ('/a', '/b', '/c', '/d', '/a'):
        fire(recorder, name)
    assert names(user) == [('GET', '/a', 2), ('GET', '/b', 1), ('GET', OTHERS, 2)]


def test_failed_requests(recorder: LocustRecorder, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locust_recorder, 'MAX_NAMES', 1)
    for reason in ('refused', 'reset', 'refused'):
        fire(recorder, '/a', exception=ConnectionError(reason))
    kinds = {str(error.error): error.occurrences for error in user.environment.stats.errors.values()}
    # The second kind, and all that come after it, are counted together.
    assert kinds == {'refused': 1, OTHERS: 2}
    assert user.environment.stats.total.num_failures == 3


def test_everything_else(recorder: LocustRecorder, stats: TestStats) -> None:
    recorder.count('orders', 2)
    recorder.opened_websocket()
    recorder.received(7)
    assert stats == TestStats(counters={'orders': 2}, websockets=1, websocket_bytes=7)


def test_clients(recorder: LocustRecorder, user: User, nginx: Server) -> None:
    with requests.Session() as session:
        recorder.adapt(session)
        assert all(isinstance(adapter, LocustHttpAdapter) for adapter in session.adapters.values())
    fast = recorder.fast_session(nginx.url)
    assert fast.get('/ok?a=b').text == 'ok\n'
    fast.client.close()
    assert names(user) == [('GET', '/ok', 1)]
