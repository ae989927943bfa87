"""A master that no message stops, whoever sends it."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from hypothesis import given, settings, strategies as st
from locust.rpc import Message, rpc

from tests.loads.cluster.frames import MESSAGES, PARTS, render
from tests.loads.cluster.peers import FakeAgent, eventually, listening
from tests.loads.engine import in_engine
from tests.loop import in_loop
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.errors import StartError
from vaurien.loads.cluster import master as master_module, messages
from vaurien.loads.cluster.agents import Agents
from vaurien.loads.cluster.broker import Broker
from vaurien.loads.cluster.broker_client import BrokerClient
from vaurien.loads.cluster.endpoint import close_zmq

SENT = st.lists(MESSAGES | PARTS, max_size=12)


@pytest.mark.parametrize('is_proved', [True, False])
def test_any_messages(is_proved: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Afterwards, agents and runners are served."""

    def call() -> None:
        broker = Broker(Address(HOST, 0), 'the right one', 60)

        @settings(max_examples=25, deadline=None)
        @given(SENT)
        def check(sent: list[Any]) -> None:
            stranger = FakeAgent(broker.port, 'stranger', secret='the right one' if is_proved else 'a guess')
            for message in sent:
                stranger.send_raw(message if isinstance(message, list) else render(message, stranger.client_id))
            stranger.send('client_ready', -1)
            stranger.receive_until('ack')  # so all of them were read
            stranger.close()
            friend = FakeAgent(broker.port, 'friend', secret='the right one')
            friend.beat()
            client = BrokerClient(Address(HOST, broker.port), 'the right one')
            assert any(agent['name'].startswith('friend') for agent in client.about['agents'])
            client.close()
            friend.leave()

        check()
        broker.stop()

    in_loop(call)
    assert 'Traceback' not in caplog.text
    assert caplog.text.replace('\n', '').isprintable()


def run(test: Any, secret: str = 's') -> None:
    """Run *test* inside an event loop with a master."""

    def call(environment: Any) -> None:
        with listening(environment, secret=secret) as agents:
            test(agents)

    in_engine(call)


def test_a_greeting_cannot_be_replayed() -> None:
    def test(agents: Agents) -> None:
        alpha = FakeAgent(agents.port, 'alpha', secret='s')
        eventually(agents.idle)
        alpha.leave()
        eventually(lambda: not agents.present)
        thief = rpc.Client(HOST, agents.port, alpha.client_id)
        for message in (Message('client_ready', -1, alpha.client_id), alpha.hello):
            thief.send(message)
        with gevent.Timeout(TIMEOUT):
            while thief.recv().type != messages.REFUSED:
                pass
        assert not agents.present
        close_zmq(thief.socket, 0)

    run(test)


def test_nobody_speaks_for_another() -> None:
    def test(agents: Agents) -> None:
        alpha, beta = FakeAgent(agents.port, 'alpha', secret='s'), FakeAgent(agents.port, 'beta', secret='s')
        eventually(lambda: len(agents.present) == 2)
        beta.send_as(alpha.client_id, 'quit')
        beta.beat()
        assert alpha.client_id in agents.present
        for fake in (alpha, beta):
            fake.close()

    run(test)


def test_a_stranger_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master_module, 'MAX_UNPROVED', 3)

    def test(agents: Agents) -> None:
        strangers = [rpc.Client(HOST, agents.port, f'stranger-{number}') for number in range(9)]
        for number, stranger in enumerate(strangers):
            stranger.send(Message('client_ready', -1, f'stranger-{number}'))
            with gevent.Timeout(TIMEOUT):
                assert stranger.recv().type == 'ack'
        assert len(agents.runner.clients) == 0
        assert len(agents.runner._challenges) == 3
        friend = FakeAgent(agents.port, 'friend', secret='s')
        friend.beat()
        for stranger in strangers:
            close_zmq(stranger.socket, 0)
        friend.close()

    run(test)


def test_a_port_that_is_taken() -> None:
    def test(agents: Agents) -> None:
        with pytest.raises(StartError, match=rf'cannot listen on {HOST}:{agents.port}: .*in use'):
            Broker(Address(HOST, agents.port), 's', 60)

    run(test)
