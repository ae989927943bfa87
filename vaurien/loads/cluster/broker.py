"""A master that stays: agents wait here between runs, and runners bring runs, follow them and leave them."""

from __future__ import annotations

import logging
import os
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pool import Group
from locust.env import Environment

from vaurien import __version__
from vaurien.errors import SealError, SetupError, VaurienError
from vaurien.loads.cluster import messages
from vaurien.loads.cluster.agents import Agents
from vaurien.loads.cluster.job import Job
from vaurien.loads.cluster.messages import Seal
from vaurien.loads.plan import Plan

if TYPE_CHECKING:
    from locust.rpc import Message

    from vaurien.address import Address

#: Seconds without a word from a runner after which its run is stopped, unless that was left alone on purpose.
PATIENCE = 7.0
#: Runners that are remembered.
MAX_RUNNERS = 1000

logger = logging.getLogger(__name__)


class Runner:
    """A runner that has asked who is here."""

    def __init__(self, seal: Seal) -> None:
        self.seal = seal
        #: Gets reports.
        self.follows = False
        self.heard = time.monotonic()


class Broker:
    """Serves from when it is made until `stop`. One run at a time."""

    def __init__(self, address: Address, secret: str) -> None:
        """Raises `StartError`."""
        self._environment = Environment()
        self._secret = secret
        self.agents = Agents(self._environment, address, secret)
        self._runners: OrderedDict[str, Runner] = OrderedDict()
        #: The run that there is, or the last one; whose it is; what it failed with.
        self._job: Job | None = None
        self._over = True
        self._purged = False
        self._owner: str | None = None
        self._failure: SetupError | None = None
        self._greenlets = Group()
        self._greenlets.spawn(self._watch)
        master = self.agents.runner
        master.register_message(messages.PING, self._on_ping)
        master.register_message(messages.POLL, self._on_poll)
        for kind in (messages.SUBMIT, messages.ATTACH, messages.HALT, messages.PURGE):
            master.register_message(kind, self._on_order)
        self._environment.events.worker_report.add_listener(self._relay)

    def stop(self) -> None:
        """End the run, if there is one, and leave."""
        if self._job is not None and not self._over:
            self._job.stop()
            with gevent.Timeout(PATIENCE, False):
                while not self._over:
                    gevent.sleep(0.05)
        self._greenlets.kill()
        self.agents.close()

    # What runners say

    def _on_ping(self, environment: Any, msg: Message) -> None:
        nonce = msg.data.get('nonce', b'')
        own = messages.make_nonce()
        self._runners[msg.node_id] = Runner(Seal(self._secret, msg.node_id, own))
        while len(self._runners) > MAX_RUNNERS:
            self._runners.popitem(last=False)
        agents = [{'name': one.name, 'busy': one.busy, **_tell(one.about)} for one in self.agents.present.values()]
        run = None
        if self._job is not None:
            run = {'test': self._job.plan.test, 'over': self._over, 'user_id': self._job.plan.user_id}
            run['project_name'] = self._job.plan.project_name
        proof = messages.prove(self._secret, messages.PONG, msg.node_id, nonce, own)
        about = {'nonce': own, 'proof': proof, 'version': __version__, 'pid': os.getpid(), 'agents': agents, 'run': run}
        self._send(msg.node_id, messages.PONG, about)

    def _on_order(self, environment: Any, msg: Message) -> None:
        runner = self._runners.get(msg.node_id)
        if runner is None:
            return
        try:
            content = runner.seal.open(msg.type, msg.data)
        except SealError as error:
            logger.warning('%s, and is ignored', error)
            return
        runner.heard = time.monotonic()
        if msg.type == messages.SUBMIT:
            answer = self._submit(msg.node_id, content)
        elif msg.type == messages.ATTACH:
            answer = self._attach(msg.node_id)
        else:
            answer = self._end_run(forget=msg.type == messages.PURGE)
        self._send(msg.node_id, messages.ANSWER, answer)
        if msg.type == messages.ATTACH and self._job is not None:
            runner.follows = True
            self._send(msg.node_id, messages.REPORT, self._everything(self._job))

    def _on_poll(self, environment: Any, msg: Message) -> None:
        runner = self._runners.get(msg.node_id)
        if runner is not None and runner.follows and self._job is not None:
            runner.heard = time.monotonic()
            self._send(msg.node_id, messages.STATE, self._state(self._job))

    def _submit(self, name: str, content: Any) -> dict[str, Any]:
        if self._job is not None and not self._over:
            hint = 'which is about to end' if self._purged else '--attach follows it, --purge-broker ends it'
            return {'why': f'the broker is busy with {self._job.plan.test}: {hint}'}
        plan = Plan.from_data(content['plan'])
        job = Job(self.agents, plan, content['files'])
        self._job, self._over, self._purged, self._failure = job, False, False, None
        self._owner = None if content['detach'] else name
        for runner in self._runners.values():
            runner.follows = False
        self._runners[name].follows = not content['detach']
        self._greenlets.spawn(self._run, job)
        return {}

    def _attach(self, name: str) -> dict[str, Any]:
        if self._job is None or self._purged:
            return {'why': 'the broker has no run'}
        return {'plan': self._job.plan.to_data()}

    def _end_run(self, *, forget: bool) -> dict[str, Any]:
        stopped = ''
        if self._job is not None and not self._over:
            stopped = self._job.plan.test
            self._job.stop()
        self._purged = self._purged or forget
        if self._purged and self._over:
            self._job = None
        return {'stopped': stopped}

    # The run

    def _run(self, job: Job) -> None:
        logger.info('runs %s on %d agents', job.plan.test, job.plan.agents)
        try:
            job.run()
        except VaurienError as error:
            details = error.details if isinstance(error, SetupError) else ''
            self._failure = SetupError(str(error), details)
            logger.warning('%s: %s', job.plan.test, error)
        finally:
            self._over = True
            for name, runner in self._runners.items():
                if runner.follows:
                    self._send(name, messages.STATE, self._state(job))
            if self._purged:
                self._job = None
        logger.info('%s is over: %d hits', job.plan.test, job.stats.hits)

    def _state(self, job: Job) -> dict[str, Any]:
        ended = job.ended or time.time()
        failure = self._failure
        return {
            'agents': job.names,
            'lost': job.lost,
            'waiting': job.waiting,
            'users': self.agents.runner.user_count,
            'duration': None if job.started is None else ended - job.started,
            'over': self._over,
            'interrupted': job.interrupted,
            'failure': [failure.description, failure.details] if failure else None,
        }

    def _everything(self, job: Job) -> dict[str, Any]:
        """A report of all that was counted so far, for one who comes late."""
        stats = self._environment.stats
        return {
            'stats': [entry.serialize() for entry in stats.entries.values()],
            'stats_total': stats.total.serialize(),
            'errors': stats.serialize_errors(),
            'loads': job.stats.to_data(),
        }

    def _relay(self, client_id: str, data: dict[str, Any]) -> None:
        if self._job is None or client_id not in self._job.members or 'loads' not in data:
            return
        for name, runner in self._runners.items():
            if runner.follows:
                self._send(name, messages.REPORT, data)

    def _watch(self) -> None:
        while True:
            gevent.sleep(1)
            owner = self._runners.get(self._owner or '')
            if owner is not None and not self._over and time.monotonic() - owner.heard > PATIENCE:
                logger.warning('the runner has gone: its run is stopped')
                self._owner = None
                self._end_run(forget=False)

    def _send(self, name: str, kind: str, content: Any) -> None:
        self.agents.runner.send_message(kind, content, name)


def _tell(about: dict[str, Any]) -> dict[str, Any]:
    return {key: about.get(key) for key in ('python', 'version', 'pid')}
