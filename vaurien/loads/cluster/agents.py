"""The master's side: which agents are there, and which were lost."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
import locust.runners
from gevent.pool import Group
from locust.exception import RPCError
from locust.runners import STATE_MISSING

from vaurien import __version__
from vaurien.errors import StartError
from vaurien.loads.cluster import messages
from vaurien.loads.cluster.messages import Seal

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.rpc import Message
    from locust.runners import MasterRunner

    from vaurien.address import Address

#: Heartbeats, one a second, that an agent may miss before it is lost. Locust's 3 are soon missed on a busy machine.
locust.runners.HEARTBEAT_LIVENESS = 8
#: Nobody reads the logs of agents here.
locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
#: Seconds between two looks whether everybody is still there.
INTERVAL = 0.25

logger = logging.getLogger(__name__)


class Agent:
    """One agent, as its master sees it: a process that is good for one run."""

    def __init__(self, client_id: str, name: str, host: str, about: dict[str, Any], seal: Seal) -> None:
        self.client_id = client_id
        self.name = name
        #: The supervisor that started the process: its next one comes only after this one's end.
        self.host = host
        #: ``python``, ``version``, ``pid``, ``no_patching``.
        self.about = about
        self.seal = seal
        #: Has work.
        self.busy = False


class Agents:
    """Those that have connected to this master, by the name of their connection."""

    def __init__(self, environment: Environment, address: Address, secret: str) -> None:
        """Listen; raises `StartError`."""
        self.secret = secret
        self.present: dict[str, Agent] = {}
        #: Called with an agent that has gone, or without one when somebody has come.
        self.on_change: Callable[[Agent | None], None] = lambda agent: None
        #: Called with the agent, the kind of message and its content.
        self.on_message: Callable[[Agent, str, Any], None] = lambda agent, kind, data: None
        host = messages.bindable(messages.resolve(address, what='--broker'))
        try:
            self.runner: MasterRunner = environment.create_master_runner(host, address.port)
        except (RPCError, SystemExit) as error:
            raise StartError.of(_reason(error), address) from None
        self._greenlets = Group()
        self._greenlets.spawn(self._watch)
        self.runner.register_message(messages.HELLO, self._on_hello)
        for kind in (messages.READY, messages.FAILED, messages.DONE):
            self.runner.register_message(kind, self._on_message)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.runner.server.port)

    def idle(self) -> list[Agent]:
        """Those without work, in the order in which they came."""
        return [agent for agent in self.present.values() if not agent.busy]

    def order(self, agent: Agent, kind: str, content: Any = None) -> None:
        """Tell an agent what to do."""
        self.runner.send_message(kind, agent.seal.close(kind, content), agent.client_id)

    def drop(self, name: str) -> bool:
        """An agent of that name has ended; whether it was here."""
        gone = [agent for agent in self.present.values() if agent.name == name]
        for agent in gone:
            self._lose(agent)
        return bool(gone)

    def close(self) -> None:
        """Hear and say no more."""
        self._greenlets.kill()
        self.runner.greenlet.kill(block=True)
        self.runner.server.close(linger=500)

    def _on_hello(self, environment: Environment, msg: Message) -> None:
        about = msg.data if isinstance(msg.data, dict) else {}
        nonce, name, host = about.get('nonce', b''), str(about.get('name', '')), str(about.get('host', ''))
        if not messages.is_proved(about.get('proof'), self.secret, messages.HELLO, msg.node_id, nonce):
            logger.warning('agent %s has another secret, and is not let in', name or msg.node_id)
            self.runner.send_message(messages.REFUSED, {'why': 'the broker has another --secret'}, msg.node_id)
            return
        if about.get('version') != __version__:
            logger.warning('agent %s is of version %s, and is not let in', name, about.get('version'))
            self.runner.send_message(messages.REFUSED, {'why': f'the broker is of version {__version__}'}, msg.node_id)
            return
        for agent in [agent for agent in self.present.values() if agent.host == host]:
            self._lose(agent)
        taken = {agent.name for agent in self.present.values()}
        unique = next(one for i in range(len(taken) + 1) if (one := f'{name}-{i + 1}' if i else name) not in taken)
        agent = Agent(msg.node_id, unique, host, about, Seal(self.secret, msg.node_id, nonce))
        self.present[msg.node_id] = agent
        logger.info('agent %s is here, %d in all', agent.name, len(self.present))
        self.on_change(None)

    def _on_message(self, environment: Environment, msg: Message) -> None:
        agent = self.present.get(msg.node_id)
        if agent is not None:
            self.on_message(agent, msg.type, msg.data)

    def _watch(self) -> None:
        while True:
            gevent.sleep(INTERVAL)
            for agent in list(self.present.values()):
                node = self.runner.clients.get(agent.client_id)
                if node is None or node.state == STATE_MISSING:
                    self._lose(agent)

    def _lose(self, agent: Agent) -> None:
        self.present.pop(agent.client_id, None)
        logger.info('agent %s has left, %d are here', agent.name, len(self.present))
        # Locust would, a minute later, begin a run of its own without it.
        self.runner.clients.pop(agent.client_id, None)
        self.on_change(agent)


def _reason(error: BaseException | None) -> OSError:
    """What ZeroMQ said, below what Locust makes of it."""
    while error is not None and not getattr(error, 'errno', 0):
        error = error.__context__
    number = getattr(error, 'errno', 0)
    return OSError(number, os.strerror(number))
