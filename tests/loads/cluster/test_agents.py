"""A master knows which agents are there: who is admitted, who was lost, and to whom an order goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from locust.env import Environment

from tests.loads.cluster.peers import FakeAgent, eventually, listening
from tests.loads.engine import in_engine
from vaurien.loads.cluster import agents as agents_module, heartbeats, messages
from vaurien.loads.cluster.agents import Agent, Agents


def run(test: Callable[[Agents], None], *, secret: str = '', timeout: float = 60) -> None:
    """Run *test* inside an event loop with such a master."""

    def call(environment: Environment) -> None:
        with listening(environment, secret=secret, timeout=timeout) as agents:
            test(agents)

    in_engine(call)


def names(agents: Agents) -> list[str]:
    return [agent.name for agent in agents.present.values()]


def test_coming_and_going() -> None:
    def test(agents: Agents) -> None:
        changes: list[Agent | str | None] = []
        agents.listen(lambda gone: changes.append(gone and gone.name), lambda agent, kind, data: None)
        alpha = FakeAgent(agents.port, 'alpha', python='3.11.7')
        eventually(lambda: names(agents) == ['alpha'])
        beta = FakeAgent(agents.port, 'beta')
        eventually(lambda: names(agents) == ['alpha', 'beta'])
        assert agents.idle()[0].about['python'] == '3.11.7'
        alpha.leave()
        eventually(lambda: names(agents) == ['beta'])
        assert changes == [None, None, 'alpha']
        beta.leave()

    run(test)


def test_names_are_unique() -> None:
    def test(agents: Agents) -> None:
        fakes = [FakeAgent(agents.port, 'alpha') for _ in range(3)]
        eventually(lambda: len(names(agents)) == 3)
        assert names(agents) == ['alpha', 'alpha-2', 'alpha-3']
        for fake in fakes:
            fake.close()

    run(test)


def test_the_next_process_of_a_supervisor_takes_the_place_of_the_last() -> None:
    def test(agents: Agents) -> None:
        lost: list[Agent | None] = []
        first = FakeAgent(agents.port, 'alpha', host='one')
        eventually(lambda: names(agents) == ['alpha'])
        agents.listen(lost.append, lambda agent, kind, data: None)
        second = FakeAgent(agents.port, 'alpha', host='one')
        eventually(lambda: len(lost) == 2)
        assert [agent and agent.name for agent in lost] == ['alpha', None]
        assert names(agents) == ['alpha']
        for fake in (first, second):
            fake.close()

    run(test)


@pytest.mark.parametrize(
    ('secret', 'about', 'why'),
    [
        ('a guess', {}, 'the broker has another --secret'),
        ('the right one', {'proof': b''}, 'the broker has another --secret'),
        ('the right one', {'version': '1.9'}, 'the broker is of version 2.0.0'),
    ],
)
def test_who_is_not_admitted(secret: str, about: dict[str, Any], why: str) -> None:
    def test(agents: Agents) -> None:
        stranger = FakeAgent(agents.port, 'stranger', secret=secret, **about)
        refused = stranger.receive()
        assert (refused.type, refused.data) == (messages.REFUSED, {'why': why})
        stranger.send(messages.READY)  # of no interest
        friend = FakeAgent(agents.port, 'friend', secret='the right one')
        eventually(lambda: names(agents) == ['friend'])
        for fake in (stranger, friend):
            fake.close()

    run(test, secret='the right one')


def test_an_agent_that_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents_module, 'INTERVAL', 0.01)
    monkeypatch.setattr(heartbeats, 'MAX_STEP', 0.02)  # a busy machine makes nobody silent

    def test(agents: Agents) -> None:
        silent, loud = FakeAgent(agents.port, 'silent'), FakeAgent(agents.port, 'loud')
        eventually(lambda: len(names(agents)) == 2)

        def is_alone() -> bool:
            loud.beat()
            return names(agents) == ['loud']

        eventually(is_alone)
        silent.close()
        loud.close()

    run(test, timeout=0.2)


def test_orders_and_messages() -> None:
    def test(agents: Agents) -> None:
        received: list[tuple[str, str, object]] = []
        alpha = FakeAgent(agents.port, 'alpha', secret='s')
        eventually(agents.idle)
        (agent,) = agents.idle()
        assert (agent.engage(), agents.idle()) == (agent, [])
        agents.order(agent, messages.CYCLE, {'users': 3})
        agents.order(agent, messages.END)
        assert alpha.next_order() == (messages.CYCLE, {'users': 3})
        assert alpha.next_order() == (messages.END, None)
        agents.listen(lambda gone: None, lambda agent, kind, data: received.append((agent.name, kind, data)))
        alpha.send(messages.FAILED, {'why': 'no reason'})
        eventually(lambda: received == [('alpha', messages.FAILED, {'why': 'no reason'})])
        agents.ignore()
        alpha.send(messages.DONE)
        alpha.beat()  # the last message has come, too
        assert len(received) == 1
        alpha.close()

    run(test, secret='s')


def test_drop() -> None:
    def test(agents: Agents) -> None:
        alpha = FakeAgent(agents.port, 'alpha')
        eventually(agents.idle)
        assert agents.drop('alpha')
        assert not agents.drop('alpha')
        assert names(agents) == []
        alpha.close()

    run(test)
