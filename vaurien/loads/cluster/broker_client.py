"""The runner's way to a broker that stands somewhere."""

from __future__ import annotations

import socket
import uuid
from typing import Any

import gevent
from gevent.pool import Group
from gevent.queue import Empty, Queue
from locust.exception import RPCError
from locust.rpc import Message, rpc

from vaurien import __version__
from vaurien.address import Address
from vaurien.errors import StartError
from vaurien.loads.cluster import messages
from vaurien.loads.cluster.messages import Seal

#: Seconds for a connection, and for an answer.
CONNECT_TIMEOUT = 3.0
ANSWER_TIMEOUT = 4.0


class Link:
    """A connection, on which orders can be given."""

    def __init__(self, address: Address, secret: str) -> None:
        """Find out who is there; raises `StartError` if it is nobody, or no broker that knows the secret."""
        self.address = address
        self._name = f'runner-{uuid.uuid4().hex}'
        self._heard: Queue[Message] = Queue()
        self._client = rpc.Client(
            messages.bindable(messages.resolve(address, what='--broker')), address.port, self._name
        )
        self._greenlets = Group()
        self._greenlets.spawn(self._listen)
        nonce = messages.make_nonce()
        self.say(messages.PING, {'nonce': nonce, 'version': __version__})
        try:
            self.about = self.hear(messages.PONG, ANSWER_TIMEOUT).data
        except TimeoutError:
            self.close()
            raise StartError(f'what listens at {address} is no loads-broker, or runs a test of its own') from None
        if not messages.is_proved(self.about['proof'], secret, messages.PONG, self._name, nonce, self.about['nonce']):
            self.close()
            raise StartError(f'the broker at {address} has another --secret')
        if self.about['version'] != __version__:
            self.close()
            raise StartError(
                f'the broker at {address} is of version {self.about["version"]}, and this is {__version__}'
            )
        self._seal = Seal(secret, self._name, self.about['nonce'])

    def order(self, kind: str, content: Any = None) -> None:
        """Tell the broker what to do."""
        self.say(kind, self._seal.close(kind, content))

    def ask(self, kind: str, content: Any = None) -> Any:
        """Likewise, and wait for the answer; raises `StartError` with the broker's reason if it is no."""
        self.order(kind, content)
        try:
            answer = self.hear(messages.ANSWER, ANSWER_TIMEOUT).data
        except TimeoutError:
            raise StartError(f'the broker at {self.address} does not answer') from None
        if answer.get('why'):
            raise StartError(str(answer['why']))
        return answer

    def say(self, kind: str, content: Any) -> None:
        """Send a message that is no order."""
        self._client.send(Message(kind, content, self._name))

    def hear(self, kind: str, timeout: float) -> Message:
        """The next message of that kind; others that come before it are dropped. Raises `TimeoutError`."""
        with gevent.Timeout(timeout, TimeoutError):
            while True:
                message: Message = self._heard.get()
                if message.type == kind:
                    return message

    def next(self, timeout: float) -> Message | None:
        """The next message; None if there is none in that time."""
        try:
            message: Message = self._heard.get(timeout=timeout)
        except Empty:
            return None
        return message

    def close(self) -> None:
        """Send what is left to be sent, and leave."""
        self._greenlets.kill()
        self._client.socket.close(linger=1000)

    def _listen(self) -> None:
        while True:
            try:
                self._heard.put(self._client.recv())
            except RPCError:
                return


def is_listening(address: Address) -> bool:
    """Whether anybody accepts a connection there."""
    try:
        socket.create_connection((address.host, address.port), CONNECT_TIMEOUT).close()
    except OSError:
        return False
    return True
