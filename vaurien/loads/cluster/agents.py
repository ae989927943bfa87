"""The agents that have connected to a master: who is there, who was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pool import Group

from vaurien import __version__
from vaurien.loads.cluster import messages
from vaurien.loads.cluster.endpoint import close_zmq
from vaurien.loads.cluster.heartbeats import Heartbeats
from vaurien.loads.cluster.master import Master
from vaurien.loads.cluster.reader import shorten
from vaurien.loads.cluster.seal import Seal, is_proved

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.rpc import Message

    from vaurien.address import Address

#: Seconds between two looks at the heartbeats.
INTERVAL = 0.25
#: Milliseconds for the last messages to leave.
LINGER_MS = 500

logger = logging.getLogger(__name__)


class Agent:
    """One agent as its master sees it: a process that serves one run."""

    def __init__(
        self, client_id: str, name: str, host: str, about: dict[str, Any], seal: Seal, heartbeats: Heartbeats
    ) -> None:
        """*about* has ``python``, ``version``, ``pid`` and ``no_patching``."""
        self.client_id = client_id
        self.name = name
        #: The supervisor that started the process. It starts the next one only after the end of this one.
        self.host = host
        self.about = about
        self.seal = seal
        self.heartbeats = heartbeats
        #: Whether it takes part in a run.
        self.busy = False

    def engage(self) -> Agent:
        """Let it take part in a run, its only one."""
        self.busy = True
        return self


class Agents:
    """The agents that have connected to this master, by the name of their connection."""

    def __init__(self, environment: Environment, address: Address, secret: str, heartbeat_timeout: float) -> None:
        """Listen at *address*. Raises `StartError` if that fails."""
        self.present: dict[str, Agent] = {}
        self._secret = secret
        self._heartbeat_timeout = heartbeat_timeout
        self.ignore()
        self.runner = environment._create_runner(Master, address)
        self._greenlets = Group()
        self._greenlets.spawn(self._watch)
        environment.events.heartbeat_sent.add_listener(self._on_heartbeat)  # Locust answers each one at once
        self.runner.register_message(messages.HELLO, self._on_hello)
        for kind in (messages.READY, messages.FAILED, messages.DONE):
            self.runner.register_message(kind, self._on_message)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.runner.server.port)

    def listen(self, on_change: Callable[[Agent | None], None], on_message: Callable[[Agent, str, Any], None]) -> None:
        """Call *on_change* with an agent that has gone, or with None when one has come.

        Call *on_message* with the agent, the kind and the content of each of its messages.
        """
        self._tell_change = on_change
        self._tell_message = on_message

    def ignore(self) -> None:
        """Call nobody until the next `listen`."""
        self.listen(lambda gone: None, lambda agent, kind, data: None)

    def idle(self) -> list[Agent]:
        """Return the agents that take part in no run, in the order in which they came."""
        return [agent for agent in self.present.values() if not agent.busy]

    def order(self, agent: Agent, kind: str, content: Any = None) -> None:
        """Send a sealed order."""
        self.runner.send_message(kind, agent.seal.close(kind, content), agent.client_id)

    def drop(self, name: str) -> bool:
        """Count the agent of that name as lost, and return whether it was here."""
        gone = [agent for agent in self.present.values() if agent.name == name]
        for agent in gone:
            self._lose(agent)
        return bool(gone)

    def close(self) -> None:
        """Stop listening, after what is to be sent was sent."""
        self._greenlets.kill()
        self.runner.greenlet.kill(block=True)
        close_zmq(self.runner.server.socket, LINGER_MS)

    def _on_hello(self, environment: Environment, msg: Message) -> None:
        challenge = self.runner.take_challenge(msg.node_id)
        about, nonce = msg.data, msg.data['nonce']
        name, host = shorten(about.get('name', '')), str(about.get('host', ''))
        if about.get('version') != __version__:  # first: another version may prove itself in another way
            logger.warning('agent %s is of version %s, and is not let in', name, shorten(about.get('version')))
            self._refuse(msg, f'the broker is of version {__version__}')
            return
        if not is_proved(about.get('proof'), self._secret, messages.HELLO, msg.node_id, nonce, challenge):
            logger.warning('agent %s has another secret, and is not let in', name or shorten(msg.node_id))
            self._refuse(msg, 'the broker has another --secret')
            return
        for agent in [agent for agent in self.present.values() if agent.host == host]:
            self._lose(agent)
        seal = Seal(self._secret, msg.node_id, nonce)
        heartbeats = Heartbeats(self._heartbeat_timeout, time.monotonic())
        agent = Agent(msg.node_id, self._make_unique(name), host, about, seal, heartbeats)
        self.present[msg.node_id] = agent
        self.runner.admit(msg.node_id)
        logger.info('agent %s is here, %d in all', agent.name, len(self.present))
        self._tell_change(None)

    def _refuse(self, msg: Message, why: str) -> None:
        self.runner.send_message(messages.REFUSED, {'why': why}, msg.node_id)

    def _make_unique(self, name: str) -> str:
        taken = {agent.name for agent in self.present.values()}
        return next(one for i in range(len(taken) + 1) if (one := f'{name}-{i + 1}' if i else name) not in taken)

    def _on_message(self, environment: Environment, msg: Message) -> None:
        agent = self.present.get(msg.node_id)
        if agent is not None:
            self._tell_message(agent, msg.type, msg.data)

    def _on_heartbeat(self, client_id: str, timestamp: float) -> None:
        if client_id in self.present:
            self.present[client_id].heartbeats.beat()

    def _watch(self) -> None:
        while True:
            gevent.sleep(INTERVAL)
            for agent in list(self.present.values()):
                has_quit = agent.client_id not in self.runner.clients
                if has_quit or agent.heartbeats.is_lost(time.monotonic()):
                    self._lose(agent)

    def _lose(self, agent: Agent) -> None:
        self.present.pop(agent.client_id, None)
        logger.info('agent %s has left, %d are here', agent.name, len(self.present))
        # Otherwise Locust would start a run of its own without this agent a minute later.
        self.runner.clients.pop(agent.client_id, None)
        self._tell_change(agent)
