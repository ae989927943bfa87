"""The master of Locust, which takes only the messages in use, and those only from agents that proved themselves."""

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NoReturn

import locust.rpc.zmqrpc
import locust.runners
import zmq.green as zmq
from locust.event import EventHook
from locust.runners import MasterRunner, WorkerNode

from vaurien.errors import SealError, StartError
from vaurien.loads.cluster.endpoint import close_zmq, resolve_for_zmq
from vaurien.loads.cluster.reader import MAX_PART, Ignored, decode_from, read_messages
from vaurien.loads.cluster.seal import make_nonce

if TYPE_CHECKING:
    from locust.env import Environment

    from vaurien.address import Address

#: Never: `Heartbeats` is more lenient with agents while this process is busy.
locust.runners.HEARTBEAT_LIVENESS = 10**9
#: Never: nobody reads the logs of agents here.
locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
#: The most connections that are remembered before they have proved themselves.
MAX_UNPROVED = 1000
#: The messages of Locust that an agent sends after its greeting.
USED = ('heartbeat', 'stats', 'quit')


class Server(locust.rpc.zmqrpc.Server):
    """The socket of Locust's master, with bounds. ZeroMQ takes them only before it listens."""

    def __init__(self, host: str, port: int) -> None:
        """Listen. Raises `OSError` (`zmq.ZMQError`) if that fails."""
        locust.rpc.zmqrpc.BaseSocket.__init__(self, zmq.ROUTER, ':' not in host)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_PART)
        self.socket.setsockopt(zmq.BACKLOG, socket.SOMAXCONN)
        try:
            self.socket.bind(f'tcp://{host}:{port or "*"}')
        except zmq.ZMQError:
            close_zmq(self.socket, 0)
            raise
        endpoint: Any = self.socket.last_endpoint
        self.port = int(endpoint.decode().rpartition(':')[2])


class Master(MasterRunner):
    """Locust's master with another reader: no message ends it, and nobody runs Locust's own code unproved."""

    #: Until it has one: Locust asks for it at the end of a master that could not begin.
    greenlet: Any = None

    def __init__(self, environment: Environment, address: Address) -> None:
        """Listen at *address*. Raises `StartError` if that fails."""
        self.ignored = Ignored()
        #: What each connection must put into its greeting, which cannot be replayed for this reason.
        self._challenges: OrderedDict[str, bytes] = OrderedDict()
        environment.events.worker_report = _StrictHook()  # type: ignore[no-untyped-call]
        try:
            super().__init__(environment, resolve_for_zmq(address), address.port)
        except zmq.ZMQError as error:
            raise StartError.of(OSError(error.errno or 0, os.strerror(error.errno or 0)), address) from None

    def client_listener(self) -> NoReturn:
        """Read messages, instead of Locust's own reader."""
        read_messages(lambda: self.server.socket.recv_multipart(), self._take, self.ignored)

    def take_challenge(self, client_id: str) -> bytes:
        """Return what a connection had to put into its greeting, once. Raises `SealError` if it was not given any."""
        challenge = self._challenges.pop(client_id, None)
        if challenge is None:
            raise SealError('a greeting out of turn')
        return challenge

    def admit(self, client_id: str) -> None:
        """Take the messages of an agent that has proved itself."""
        self.clients[client_id] = WorkerNode(client_id, heartbeat_liveness=locust.runners.HEARTBEAT_LIVENESS)

    def _take(self, parts: list[bytes]) -> None:
        message = decode_from(parts)
        if message.type == 'client_ready':
            self._challenge(message.node_id)
        elif message.type in self.custom_messages:
            self.custom_messages[message.type][0](environment=self.environment, msg=message)
        elif message.type in USED and message.node_id in self.clients:
            self.handle_message(message.node_id, message)
        elif message.type not in USED:
            raise SealError('a message of a kind that is not in use')

    def _challenge(self, client_id: str) -> None:
        """Answer the first message of an agent, which repeats it until there is an answer."""
        challenge = self._challenges.setdefault(client_id, make_nonce())
        while len(self._challenges) > MAX_UNPROVED:
            self._challenges.popitem(last=False)
        self.send_message('ack', {'nonce': challenge}, client_id)


class _StrictHook(EventHook):
    """An event whose listeners may raise. Locust's own prints a traceback for each report that is none."""

    def fire(self, *, reverse: bool = False, **event: Any) -> None:
        for listen in list(self._handlers):
            listen(**event)


locust.rpc.zmqrpc.Server = Server  # type: ignore[misc]  # Locust has no other place for it
