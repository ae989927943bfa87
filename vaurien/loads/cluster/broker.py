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
from vaurien.loads.cluster.heartbeats import Heartbeats
from vaurien.loads.cluster.job import END_TIMEOUT, Job
from vaurien.loads.cluster.seal import Seal, make_nonce, prove
from vaurien.loads.plan import Plan

if TYPE_CHECKING:
    from locust.rpc import Message

    from vaurien.address import Address

#: The most runners that are remembered, and the most connections that greeted and gave no order yet.
MAX_RUNNERS = 1000
#: Seconds between two looks whether the runner that brought the run is still there.
INTERVAL = 0.5

logger = logging.getLogger(__name__)


class Runner:
    """A runner that has connected."""

    def __init__(self, seal: Seal, heartbeats: Heartbeats) -> None:
        self.seal = seal
        #: Its orders and its questions are signs of life.
        self.heartbeats = heartbeats
        #: Whether it gets reports.
        self.follows = False

    def follow(self, follows: bool) -> None:
        """Send it reports of the run, or no more."""
        self.follows = follows


class Broker:
    """Serves from when it is made until `stop`. It has one run at a time."""

    def __init__(self, address: Address, secret: str, heartbeat_timeout: float) -> None:
        """Listen at *address*. Raises `StartError` if that fails."""
        self._environment = Environment()
        self._secret = secret
        self._heartbeat_timeout = heartbeat_timeout
        self._agents = Agents(self._environment, address, secret, heartbeat_timeout)
        #: The runners that have given an order, which proves that they know the secret, and the others.
        self._runners: OrderedDict[str, Runner] = OrderedDict()
        self._unproved: OrderedDict[str, Runner] = OrderedDict()
        #: The present run, or the last one.
        self._job: Job | None = None
        self._over = True
        self._purged = False
        #: The runner whose end stops the run, and the error that ended the run.
        self._owner: str | None = None
        self._failure: SetupError | None = None
        self._greenlets = Group()
        self._greenlets.spawn(self._watch)
        master = self._agents.runner
        master.register_message(messages.PING, self._on_ping)
        master.register_message(messages.POLL, self._on_poll)
        for kind in (messages.ABOUT, messages.SUBMIT, messages.ATTACH, messages.HALT, messages.PURGE):
            master.register_message(kind, self._on_order)
        self._environment.events.worker_report.add_listener(self._relay)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._agents.port

    def stop(self) -> None:
        """End the run, if there is one, and stop listening."""
        if self._job is not None and not self._over:
            self._job.stop()
            with gevent.Timeout(END_TIMEOUT, False):
                while not self._over:
                    gevent.sleep(0.05)
        self._greenlets.kill()
        self._agents.close()

    # Messages of runners

    def _on_ping(self, environment: Any, msg: Message) -> None:
        own = make_nonce()
        proof = prove(self._secret, messages.PONG, msg.node_id, msg.data['nonce'], own)
        heartbeats = Heartbeats(self._heartbeat_timeout, time.monotonic())
        _remember(self._unproved, msg.node_id, Runner(Seal(self._secret, msg.node_id, own), heartbeats))
        self._send(msg.node_id, messages.PONG, {'nonce': own, 'proof': proof, 'version': __version__})

    def _describe(self) -> dict[str, Any]:
        agents = [
            {'name': agent.name, 'busy': agent.busy, **_describe(agent.about)}
            for agent in self._agents.present.values()
        ]
        return {'version': __version__, 'pid': os.getpid(), 'agents': agents, 'run': self._describe_run()}

    def _describe_run(self) -> dict[str, Any] | None:
        if self._job is None:
            return None
        plan = self._job.plan
        return {'test': plan.test, 'over': self._over, 'user_id': plan.user_id, 'project_name': plan.project_name}

    def _on_order(self, environment: Any, msg: Message) -> None:
        runner = self._runners.get(msg.node_id) or self._unproved.get(msg.node_id)
        if runner is None:
            raise SealError(f'a message {msg.type} of one that did not greet')
        content = runner.seal.open(msg.type, msg.data)
        if self._unproved.pop(msg.node_id, None) is not None:
            _remember(self._runners, msg.node_id, runner)
        runner.heartbeats.beat()
        if msg.type == messages.ABOUT:
            answer = self._describe()
        elif msg.type == messages.SUBMIT:
            answer = self._submit(msg.node_id, content)
        elif msg.type == messages.ATTACH:
            answer = self._attach()
        else:
            answer = self._end_run(forget=msg.type == messages.PURGE)
        self._send(msg.node_id, messages.ANSWER, answer)
        if msg.type == messages.ATTACH and self._job is not None:
            runner.follow(True)
            self._send(msg.node_id, messages.REPORT, self._report_everything(self._job))

    def _on_poll(self, environment: Any, msg: Message) -> None:
        runner = self._runners.get(msg.node_id)
        if runner is not None and runner.follows and self._job is not None:
            runner.heartbeats.beat()
            self._send(msg.node_id, messages.STATE, self._describe_state(self._job))

    def _submit(self, name: str, content: Any) -> dict[str, Any]:
        if self._job is not None and not self._over:
            hint = 'which is about to end' if self._purged else '--attach follows it, --purge-broker ends it'
            return {'why': f'the broker is busy with {self._job.plan.test}: {hint}'}
        job = Job(self._agents, Plan.from_data(content['plan']), content['files'])
        self._job, self._over, self._purged, self._failure = job, False, False, None
        self._owner = None if content['detach'] else name
        for runner in self._runners.values():
            runner.follow(False)
        self._runners[name].follow(not content['detach'])
        self._greenlets.spawn(self._run, job)
        return {}

    def _attach(self) -> dict[str, Any]:
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
            self._send_followers(messages.STATE, self._describe_state(job))
            if self._purged:
                self._job = None
        logger.info('%s is over: %d hits', job.plan.test, job.stats.hits)

    def _describe_state(self, job: Job) -> dict[str, Any]:
        now, failure = time.time(), self._failure
        return {
            'agents': job.names,
            'lost': job.lost,
            'waiting': job.waiting,
            'users': self._agents.runner.user_count,
            'age': None if job.started is None else now - job.started,
            'duration': None if job.started is None else (job.ended or now) - job.started,
            'over': self._over,
            'interrupted': job.interrupted,
            'failure': [failure.description, failure.details] if failure else None,
        }

    def _report_everything(self, job: Job) -> dict[str, Any]:
        """Return a report of all that was counted so far, for a runner that comes late."""
        stats = self._environment.stats
        return {
            'stats': [entry.serialize() for entry in stats.entries.values()],
            'stats_total': stats.total.serialize(),
            'errors': stats.serialize_errors(),
            'loads': job.stats.to_data(),
        }

    def _relay(self, client_id: str, data: dict[str, Any]) -> None:
        if self._job is not None and client_id in self._job.members and 'loads' in data:
            self._send_followers(messages.REPORT, data)

    def _watch(self) -> None:
        """Stop the run if the runner that brought it, and did not leave it on purpose, is gone."""
        while True:
            gevent.sleep(INTERVAL)
            owner = self._runners.get(self._owner or '')
            if owner is not None and not self._over and owner.heartbeats.is_lost(time.monotonic()):
                logger.warning('the runner has gone: its run is stopped')
                self._owner = None
                self._end_run(forget=False)

    def _send_followers(self, kind: str, content: Any) -> None:
        for name, runner in self._runners.items():
            if runner.follows:
                self._send(name, kind, content)

    def _send(self, name: str, kind: str, content: Any) -> None:
        self._agents.runner.send_message(kind, content, name)


def _remember(runners: OrderedDict[str, Runner], name: str, runner: Runner) -> None:
    """Add a runner, and forget the oldest of too many."""
    runners[name] = runner
    while len(runners) > MAX_RUNNERS:
        runners.popitem(last=False)


def _describe(about: dict[str, Any]) -> dict[str, Any]:
    return {key: about.get(key) for key in ('python', 'version', 'pid')}
