"""The runner's connection to a broker."""

from __future__ import annotations

import socket
import uuid
from typing import Any

import gevent
from gevent.pool import Group
from gevent.queue import Empty, Queue
from locust.rpc import Message, rpc

from vaurien import __version__
from vaurien.address import Address
from vaurien.errors import SealError, StartError
from vaurien.loads.cluster import messages
from vaurien.loads.cluster.endpoint import close_zmq, resolve_for_zmq
from vaurien.loads.cluster.reader import Ignored, decode, read_messages, shorten
from vaurien.loads.cluster.seal import Seal, is_proved, make_nonce

#: Seconds for a connection, and for an answer.
CONNECT_TIMEOUT = 3.0
ANSWER_TIMEOUT = 4.0
#: Milliseconds for the last messages to leave.
LINGER_MS = 1000
#: The kinds of messages that a broker sends.
TAKEN = (messages.PONG, messages.ANSWER, messages.STATE, messages.REPORT)


class BrokerClient:
    """A connection to a broker, to give it orders."""

    def __init__(self, address: Address, secret: str) -> None:
        """Connect. Raises `StartError` if there is no broker of this version that knows the secret."""
        self.address = address
        self._name = f'runner-{uuid.uuid4().hex}'
        self._received: Queue[Message] = Queue()
        self._client = rpc.Client(resolve_for_zmq(address), address.port, self._name)
        self._greenlets = Group()
        receive = self._client.socket.recv_multipart
        self._greenlets.spawn(read_messages, receive, self._take, Ignored())
        #: What the broker tells about itself: ``version``, ``pid``, ``agents``, ``run``.
        self.about: dict[str, Any] = {}
        try:
            self._seal = self._greet(secret)
            self.about = self.ask(messages.ABOUT)
        except StartError:
            self.close(linger_ms=0)
            raise

    def order(self, kind: str, content: Any = None) -> None:
        """Send a sealed order."""
        self.send(kind, self._seal.close(kind, content))

    def ask(self, kind: str, content: Any = None) -> Any:
        """Send a sealed order and return the answer. Raises `StartError` with the broker's reason if it refuses."""
        self.order(kind, content)
        try:
            answer = self.wait_for(messages.ANSWER, ANSWER_TIMEOUT).data
        except TimeoutError:
            raise StartError(f'the broker at {self.address} does not answer') from None
        if answer.get('why'):
            raise StartError(str(answer['why']))
        return answer

    def send(self, kind: str, content: Any) -> None:
        """Send a message that is no order."""
        self._client.send(Message(kind, content, self._name))

    def wait_for(self, kind: str, timeout: float) -> Message:
        """Return the next message of that kind and drop those before it. Raises `TimeoutError`."""
        with gevent.Timeout(timeout, TimeoutError):
            while True:
                message: Message = self._received.get()
                if message.type == kind:
                    return message

    def receive(self, timeout: float) -> Message | None:
        """Return the next message, or None if none comes within *timeout* seconds."""
        try:
            message: Message = self._received.get(timeout=timeout)
        except Empty:
            return None
        return message

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Close the connection once all is sent, or after *linger_ms*."""
        self._greenlets.kill()
        close_zmq(self._client.socket, linger_ms)

    def _greet(self, secret: str) -> Seal:
        nonce = make_nonce()
        self.send(messages.PING, {'nonce': nonce, 'version': __version__})
        try:
            answer = self.wait_for(messages.PONG, ANSWER_TIMEOUT).data
        except TimeoutError:
            raise StartError(
                f'what listens at {self.address} is not a loads-broker, or runs a test of its own'
            ) from None
        if answer.get('version') != __version__:  # first: another version may prove itself in another way
            version = shorten(answer.get('version'))
            raise StartError(f'the broker at {self.address} is of version {version}, and this is {__version__}')
        if not is_proved(answer.get('proof'), secret, messages.PONG, self._name, nonce, answer.get('nonce')):
            raise StartError(f'the broker at {self.address} has another --secret')
        return Seal(secret, self._name, answer['nonce'])

    def _take(self, parts: list[bytes]) -> None:
        (part,) = parts
        message = decode(part)
        if message.type not in TAKEN or not isinstance(message.data, dict):
            raise SealError('a message of a kind that is not in use')
        self._received.put(message)


def is_listening(address: Address) -> bool:
    """Return whether anything accepts a connection at *address*."""
    try:
        socket.create_connection((address.host, address.port), CONNECT_TIMEOUT).close()
    except OSError:
        return False
    return True
