"""The runner's connection to a broker: who answers there, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from tests.loop import in_loop
from tests.servers import HOST, Server, free_port
from vaurien.address import Address
from vaurien.errors import SealError, StartError
from vaurien.loads.cluster import broker, broker_client, messages
from vaurien.loads.cluster.broker import Broker
from vaurien.loads.cluster.broker_client import BrokerClient, is_listening


@contextmanager
def standing(secret: str = '') -> Iterator[Address]:
    """The address of a broker."""
    broker = Broker(Address(HOST, 0), secret, 60)
    yield Address(HOST, broker.port)
    broker.stop()


def run(test: Callable[[Address], None], secret: str = '') -> None:
    """Run *test* inside an event loop with a broker."""

    def call() -> None:
        with standing(secret) as address:
            test(address)

    in_loop(call)


def test_about() -> None:
    def test(address: Address) -> None:
        client = BrokerClient(address, 's')
        assert (client.about['version'], client.about['agents'], client.about['run']) == ('2.0.0', [], None)
        client.close()

    run(test, 's')


def test_orders_that_are_refused() -> None:
    def test(address: Address) -> None:
        client = BrokerClient(address, 's')
        with pytest.raises(StartError, match='the broker has no run'):
            client.ask(messages.ATTACH)
        assert client.ask(messages.PURGE) == {'stopped': ''}
        client.close()

    run(test, 's')


def test_another_secret() -> None:
    def test(address: Address) -> None:
        with pytest.raises(StartError, match=f'the broker at {address} has another --secret'):
            BrokerClient(address, 'a guess')

    run(test, 'the right one')


def test_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, '__version__', '1.9')

    def test(address: Address) -> None:
        with pytest.raises(StartError, match=rf'the broker at {address} is of version 1\.9, and this is 2\.0\.0'):
            BrokerClient(address, '')

    run(test)


def test_a_server_that_is_no_broker(redis_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_client, 'ANSWER_TIMEOUT', 0.05)
    address = Address.parse(redis_server.address)

    def call() -> None:
        with pytest.raises(
            StartError, match=f'what listens at {address} is not a loads-broker, or runs a test of its own'
        ):
            BrokerClient(address, '')

    in_loop(call)


def test_a_broker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def test(address: Address) -> None:
        client = BrokerClient(address, '')
        monkeypatch.setattr(broker_client, 'ANSWER_TIMEOUT', 0.05)
        with pytest.raises(StartError, match=f'the broker at {address} does not answer'):
            client.ask('a kind of message that it does not know')
        client.close()

    run(test)


def test_messages_one_by_one() -> None:
    def test(address: Address) -> None:
        client = BrokerClient(address, '')
        assert client.receive(0.01) is None
        client.order(messages.PURGE)
        message = client.receive(5)
        assert message is not None
        assert (message.type, message.data) == (messages.ANSWER, {'stopped': ''})
        with pytest.raises(TimeoutError):
            client.wait_for(messages.ANSWER, 0.01)
        client.close()

    run(test)


def test_answers_that_are_none() -> None:
    def test(address: Address) -> None:
        client = BrokerClient(address, '')
        for parts in ([b''], [b'\xc1'], [b'a', b'b'], [msgspec.msgpack.encode((messages.ANSWER, None, ''))]):
            with pytest.raises((SealError, ValueError, msgspec.MsgspecError)):
                client._take(parts)
        client.close()

    run(test)


def test_is_listening(redis_server: Server) -> None:
    assert is_listening(Address.parse(redis_server.address))
    assert not is_listening(Address(HOST, free_port()))
