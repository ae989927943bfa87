"""A broker with agents and runners that a test plays. ``cli/test_broker.py`` has the same with real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.loads.cluster.peers import FakeAgent, eventually
from tests.loop import in_loop
from tests.servers import HOST
from vaurien.address import Address
from vaurien.errors import StartError
from vaurien.loads.cluster import broker as broker_module, heartbeats, messages
from vaurien.loads.cluster.broker import Broker
from vaurien.loads.cluster.broker_client import BrokerClient
from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.stats import TestStats

PLAN = Plan(test='t.T.test', cycles=(Cycle(1, 1),), agents=1, project_name='shop', user_id='me')


@contextmanager
def standing(timeout: float = 60) -> Iterator[Broker]:
    """A broker."""
    broker = Broker(Address(HOST, 0), '', timeout)
    yield broker
    broker.stop()


def run(test: Callable[[Broker], None], timeout: float = 60) -> None:
    """Run *test* inside an event loop with a broker."""

    def call() -> None:
        with standing(timeout) as broker:
            test(broker)

    in_loop(call)


def connect(broker: Broker) -> BrokerClient:
    return BrokerClient(Address(HOST, broker.port), '')


def submit(client: BrokerClient, *, detach: bool = False) -> None:
    client.ask(messages.SUBMIT, {'plan': PLAN.to_data(), 'files': b'', 'detach': detach})


def state(client: BrokerClient) -> dict[str, Any]:
    """The state of the run, as a runner asks for it."""
    client.send(messages.POLL, {})
    data: dict[str, Any] = client.wait_for(messages.STATE, 5).data
    return data


def come(broker: Broker) -> FakeAgent:
    """Let an agent come."""
    agent = FakeAgent(broker.port, 'alpha', python='3.11.7', pid=7)

    def is_here() -> bool:
        client = connect(broker)
        client.close()
        return bool(client.about['agents'])

    eventually(is_here)
    return agent


def begin(agent: FakeAgent) -> None:
    """Take the orders of a run up to its only cycle."""
    assert agent.next_order()[0] == messages.SETUP
    agent.send(messages.READY)
    assert agent.next_order()[0] == messages.CYCLE


def finish(agent: FakeAgent, **counts: int) -> None:
    """Report, and leave as the broker orders."""
    agent.report(**counts)
    agent.send(messages.DONE)
    assert agent.next_order()[0] == messages.END
    agent.leave()


def test_what_it_tells() -> None:
    def test(broker: Broker) -> None:
        agent = come(broker)
        client = connect(broker)
        described = {'name': 'alpha', 'busy': False, 'python': '3.11.7', 'version': '2.0.0', 'pid': 7}
        assert (client.about['agents'], client.about['run']) == ([described], None)
        submit(client)
        begin(agent)
        other = connect(broker)
        assert other.about['agents'] == [described | {'busy': True}]
        assert other.about['run'] == {'test': 't.T.test', 'over': False, 'user_id': 'me', 'project_name': 'shop'}
        finish(agent, success=1)
        for one in (client, other):
            one.close()

    run(test)


def test_a_run_that_is_followed() -> None:
    def test(broker: Broker) -> None:
        client = connect(broker)
        submit(client)
        assert state(client)['waiting'] == 'waiting for 1 agents, there are 0: none yet'
        agent = come(broker)
        begin(agent)
        now = state(client)
        assert (now['agents'], now['waiting'], now['over']) == (['alpha'], '', False)
        assert 0 <= now['duration'] == now['age']
        agent.report(success=1)
        report = client.wait_for(messages.REPORT, 5).data
        assert report['loads'] == {'success': 1}
        finish(agent, failure=1)
        assert client.wait_for(messages.REPORT, 5).data['loads'] == {'failure': 1}
        over = client.wait_for(messages.STATE, 5).data
        assert (over['over'], over['lost'], over['failure'], over['interrupted']) == (True, [], None, False)
        client.close()

    run(test)


def test_one_who_comes_late_gets_everything() -> None:
    def test(broker: Broker) -> None:
        first = connect(broker)
        submit(first, detach=True)
        finish_run(broker)
        late = connect(broker)
        assert Plan.from_data(late.ask(messages.ATTACH)['plan']) == PLAN
        assert TestStats.from_data(late.wait_for(messages.REPORT, 5).data['loads']).success == 3
        eventually(lambda: state(late)['over'])
        earlier = state(late)
        assert earlier['age'] >= earlier['duration']
        eventually(lambda: state(late)['age'] > earlier['age'] + 0.01)
        assert state(late)['duration'] == earlier['duration']
        for client in (first, late):
            client.close()

    def finish_run(broker: Broker) -> None:
        agent = come(broker)
        begin(agent)
        finish(agent, success=3)

    run(test)


def test_one_run_at_a_time() -> None:
    def test(broker: Broker) -> None:
        first, second = connect(broker), connect(broker)
        submit(first)
        with pytest.raises(StartError, match=r'busy with t\.T\.test: --attach follows it, --purge-broker ends it'):
            submit(second)
        assert second.ask(messages.PURGE) == {'stopped': 't.T.test'}
        eventually(lambda: connect_and_close(broker).about['run'] is None)
        submit(second)
        for client in (first, second):
            client.close()

    run(test)


def connect_and_close(broker: Broker) -> BrokerClient:
    client = connect(broker)
    client.close()
    return client


@pytest.mark.parametrize('detach', [False, True])
def test_a_runner_that_falls_silent_stops_its_run(monkeypatch: pytest.MonkeyPatch, detach: bool) -> None:
    monkeypatch.setattr(broker_module, 'INTERVAL', 0.01)
    monkeypatch.setattr(heartbeats, 'MAX_STEP', 0.02)  # a busy machine makes nobody silent

    def test(broker: Broker) -> None:
        client = connect(broker)
        submit(client, detach=detach)
        client.close()
        other = connect(broker)
        other.ask(messages.ATTACH)
        if detach:
            assert not state(other)['over']
        else:
            over = other.wait_for(messages.STATE, 5).data
            assert (over['over'], over['interrupted']) == (True, True)
        other.close()

    run(test, timeout=0.2)


def test_a_run_that_cannot_begin() -> None:
    def test(broker: Broker) -> None:
        client = connect(broker)
        submit(client)
        agent = come(broker)
        agent.next_order()
        agent.send(messages.FAILED, {'why': 'cannot import t', 'details': 'Traceback'})
        assert agent.next_order()[0] == messages.END
        agent.leave()
        over = client.wait_for(messages.STATE, 5).data
        assert over['failure'] == ['agent alpha: cannot import t', 'Traceback']
        client.close()

    run(test)


def test_orders_that_are_not_sealed(caplog: pytest.LogCaptureFixture) -> None:
    def test(broker: Broker) -> None:
        client = connect(broker)
        submit(client)
        client.send(messages.PURGE, {'body': b'', 'proof': b''})
        assert not state(client)['over']
        client.close()

    run(test)
    assert f'ignored 1 messages so far, the last one: a message {messages.PURGE} was sealed with' in caplog.text


def test_runners_that_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, 'MAX_RUNNERS', 1)

    def test(broker: Broker) -> None:
        first, second = connect(broker), connect(broker)
        second.ask(messages.PURGE)
        first.order(messages.PURGE)
        assert first.receive(0.02) is None
        for client in (first, second):
            client.close()

    run(test)
