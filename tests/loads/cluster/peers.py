"""The other ends of a master's connections, played by a test inside its event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import gevent
from locust.env import Environment
from locust.rpc import Message, rpc
from locust.stats import RequestStats

from tests.servers import HOST, TIMEOUT
from vaurien import __version__
from vaurien.address import Address
from vaurien.loads.cluster import messages
from vaurien.loads.cluster.agents import Agents
from vaurien.loads.cluster.endpoint import close_zmq
from vaurien.loads.cluster.seal import Seal, make_nonce, prove


@contextmanager
def listening(environment: Environment, *, secret: str = '', timeout: float = 60) -> Iterator[Agents]:
    """A master on a port of its own."""
    agents = Agents(environment, Address(HOST, 0), secret, timeout)
    yield agents
    agents.close()


class FakeAgent:
    """An agent that does nothing but what the test says."""

    def __init__(self, port: int, name: str, *, host: str = '', secret: str = '', **about: Any) -> None:
        """Connect and say hello."""
        self.name = name
        self._id = f'{name}-{uuid4().hex}'
        self._client = rpc.Client(HOST, port, self._id)
        nonce = make_nonce()
        self._seal = Seal(secret, self._id, nonce)
        self.send('client_ready', -1)
        ack = self.receive()
        assert ack.type == 'ack'
        proof = prove(secret, messages.HELLO, self._id, nonce, ack.data['nonce'])
        hello = {'name': name, 'host': host or self._id, 'nonce': nonce, 'proof': proof, 'version': __version__}
        #: What it said at the beginning.
        self.hello = Message(messages.HELLO, {'no_patching': False, **hello, **about}, self._id)
        self._client.send(self.hello)

    @property
    def client_id(self) -> str:
        """The name of the connection."""
        return self._id

    def send(self, kind: str, data: Any = None) -> None:
        """Send a message."""
        self._client.send(Message(kind, data, self._id))

    def send_as(self, name: str, kind: str) -> None:
        """Send a message under the name of another connection."""
        self._client.send(Message(kind, None, name))

    def send_raw(self, parts: list[bytes]) -> None:
        """Send what may be no message."""
        self._client.socket.send_multipart(parts)

    def receive_until(self, kind: str) -> Message:
        """Return the next message of that kind."""
        while (message := self.receive()).type != kind:
            pass
        return message

    def beat(self) -> None:
        """Send a heartbeat, of which the answer is waited for."""
        self.send('heartbeat', {'state': 'ready', 'current_cpu_usage': 0.0})
        assert self.receive().type == 'heartbeat'

    def report(self, **counts: Any) -> None:
        """Report what was counted, as `TestStats` has it."""
        entries: dict[str, Any] = {'stats': [], 'stats_total': RequestStats().total.serialize(), 'errors': {}}
        self.send('stats', {**entries, 'user_classes_count': {}, 'user_count': 0, 'loads': counts})

    def receive(self) -> Message:
        """Return the next message."""
        with gevent.Timeout(TIMEOUT):
            message: Message = self._client.recv()
        return message

    def next_order(self) -> tuple[str, Any]:
        """Return the kind and the content of the next order."""
        message = self.receive()
        return message.type, self._seal.open(message.type, message.data)

    def leave(self) -> None:
        """Say goodbye, as a worker does at its end."""
        self.send('quit')
        self.close()

    def close(self) -> None:
        """Close the connection after what is to be sent."""
        close_zmq(self._client.socket, 1000)


def eventually(done: Callable[[], object]) -> None:
    """Let the event loop run until *done* returns something true."""
    with gevent.Timeout(TIMEOUT):
        while not done():
            gevent.sleep(0.001)
