"""An agent at work: it connects, does one run as it is ordered, and leaves. Whoever started it cleans up after it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import gevent
import locust.runners
import msgspec
from gevent.os import make_nonblocking, nb_read
from gevent.pool import Group
from gevent.queue import Queue
from locust.env import Environment
from locust.runners import WorkerRunner
from locust.stats import RequestStats

from vaurien import __version__
from vaurien.address import Address
from vaurien.console.background import flush_background
from vaurien.console.output import make_printable, print_line
from vaurien.errors import SealError, SetupError, VaurienError
from vaurien.loads.cluster import messages, packing, requirements
from vaurien.loads.cluster.endpoint import close_zmq, resolve_for_zmq
from vaurien.loads.cluster.heartbeats import Heartbeats
from vaurien.loads.cluster.reader import Ignored, decode, read_messages, shorten
from vaurien.loads.cluster.seal import Seal, make_nonce, prove
from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.users.user_process import UserProcess

if TYPE_CHECKING:
    from locust.rpc import Message

#: Seconds between two looks at the heartbeats.
INTERVAL = 0.5
#: Milliseconds for the last messages to leave.
LINGER_MS = 1000

#: Seconds between two reports of what was counted.
locust.runners.WORKER_REPORT_INTERVAL = 1.0
#: Never: nobody reads the logs.
locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
#: Never: `Heartbeats` is more lenient with this process while it is busy.
locust.runners.MASTER_HEARTBEAT_TIMEOUT = 10**9
#: Five minutes, asking every second: a greeting to a master that just ended is lost, and the next should come soon.
locust.runners.CONNECT_TIMEOUT = 1
locust.runners.CONNECT_RETRY_COUNT = 300


class _Runner(WorkerRunner):
    """Locust's worker with another reader: it takes only the messages in use, and none of them ends it."""

    #: What the master wants to have in the greeting.
    challenge = b''

    def worker(self) -> NoReturn:
        """Read messages, instead of Locust's own reader."""
        read_messages(lambda: self.client.socket.recv_multipart(), self._take, Ignored())

    def _take(self, parts: list[bytes]) -> None:
        (part,) = parts
        message = decode(part)
        if message.type == 'ack':
            self.challenge = bytes(message.data['nonce'])
            self.connection_event.set()
        elif message.type == 'heartbeat':
            self.handle_message(message)
        elif message.type in self.custom_messages:
            self.custom_messages[message.type][0](environment=self.environment, msg=message)
        else:
            raise SealError('a message of a kind that is not in use')


class Worker:
    """A process that serves one run."""

    def __init__(
        self,
        name: str,
        host: str,
        directory: Path,
        secret: str,
        heartbeat_timeout: float,
        *,
        no_patching: bool,
        quiet: bool = False,
    ) -> None:
        """*host* names what started it. The worker leaves when standard input ends, because its host has ended."""
        self.name = name
        self._about = {'name': name, 'host': host, 'no_patching': no_patching}
        self._directory = directory
        self._secret = secret
        self._heartbeat_timeout = heartbeat_timeout
        self._quiet = quiet
        self._environment = Environment()
        self._orders: Queue[tuple[str, Any]] = Queue()
        self._process: UserProcess | None = None
        self._runner: WorkerRunner | None = None
        self._greenlets = Group()
        self._greenlets.spawn(self._watch_host)

    def connect(self, address: Address) -> None:
        """Connect to the master at *address*. Raises `ConnectionError` if there is none for five minutes."""
        self._environment.stats = RequestStats(use_response_times_cache=False)  # as Locust makes them for workers
        runner = self._environment._create_runner(_Runner, resolve_for_zmq(address), address.port)
        self._runner = runner
        nonce = make_nonce()
        self._seal = Seal(self._secret, runner.client_id, nonce)
        self._environment.events.report_to_master.add_listener(self._add_to_report)
        for kind in (messages.SETUP, messages.CYCLE, messages.STOP, messages.END):
            runner.register_message(kind, self._on_order)
        runner.register_message(messages.REFUSED, self._on_refused)
        heartbeats = Heartbeats(self._heartbeat_timeout, time.monotonic())
        self._environment.events.heartbeat_received.add_listener(lambda **event: heartbeats.beat())
        about = {'python': platform.python_version(), 'version': __version__, 'pid': os.getpid()}
        proof = prove(self._secret, messages.HELLO, runner.client_id, nonce, runner.challenge)
        runner.send_message(messages.HELLO, {**self._about, **about, 'nonce': nonce, 'proof': proof})
        self._greenlets.spawn(self._watch_master, heartbeats)
        self._print('connected')

    def serve(self) -> NoReturn:
        """Carry out orders until the last one, which ends this process."""
        assert self._runner is not None, 'connected before'
        while True:
            kind, content = self._orders.get()
            if kind == messages.SETUP:
                self._set_up(self._runner, content)
            elif kind == messages.CYCLE and self._process is not None:
                self._run(self._runner, self._process, msgspec.convert(content, Cycle))
            elif kind == messages.END:
                self.leave('done')

    def leave(self, why: str) -> NoReturn:
        """Stop the users, send what they did and end this process."""
        try:
            if self._process is not None:
                self._process.stop()
                self._process.tear_down()
            if self._runner is not None:
                self._runner._send_stats()
                self._environment.events.quitting.fire(environment=self._environment)
                close_zmq(self._runner.client.socket, LINGER_MS)
            self._print(why)
            shutil.rmtree(self._directory, ignore_errors=True)  # in case its host was killed
        finally:
            _exit(0)

    def _set_up(self, runner: WorkerRunner, content: Any) -> None:
        try:
            plan = Plan.from_data(content['plan'])
            self._print(f'runs {plan.test}')
            work = self._directory / 'test'
            work.mkdir()
            packing.unpack(content['files'], work)
            os.chdir(work)
            if plan.python_dep:
                requirements.install(plan.python_dep, self._directory / 'venv')
            sys.path.insert(0, str(work))
            process = UserProcess(self._environment, runner, plan, agent=self.name, number=content['number'])
            process.set_up()
        except Exception as error:  # whatever it is, the master has to know
            runner.send_message(messages.FAILED, _describe(error))
        else:
            self._process = process
            runner.send_message(messages.READY)

    def _run(self, runner: WorkerRunner, process: UserProcess, cycle: Cycle) -> None:
        runner.worker_state = 'running'
        process.run(cycle)
        runner.worker_state = 'ready'
        runner._send_stats()  # before the answer, on the same socket, so that the last report is complete
        runner.send_message(messages.DONE)

    def _add_to_report(self, client_id: str, data: dict[str, Any]) -> None:
        if self._process is not None:
            data['loads'] = self._process.stats.take().to_data()

    def _on_order(self, environment: Environment, msg: Message) -> None:
        try:
            content = self._seal.open(msg.type, msg.data)
        except SealError as error:
            self._print(f'ignored: {error}')
            return
        if msg.type != messages.STOP:
            self._orders.put((msg.type, content))
        elif self._process is not None:
            self._greenlets.spawn(self._process.stop)

    def _on_refused(self, environment: Environment, msg: Message) -> None:
        self._print(f'refused: {shorten(msg.data["why"])}')
        _exit(1)

    def _watch_master(self, heartbeats: Heartbeats) -> None:
        while not heartbeats.is_lost(time.monotonic()):
            gevent.sleep(INTERVAL)
        self.leave('the broker has gone')

    def _watch_host(self) -> None:
        make_nonblocking(0)
        while nb_read(0, 1):
            pass
        self.leave('left alone')

    def _print(self, text: str) -> None:
        if not self._quiet:
            print_line(make_printable(f'{time.strftime("%H:%M:%S")} {self.name}: {text}'), sys.stderr)


def _exit(status: int) -> NoReturn:
    flush_background()
    os._exit(status)


def _describe(error: Exception) -> dict[str, str]:
    if isinstance(error, SetupError):
        return {'why': error.description, 'details': error.details}
    if isinstance(error, VaurienError):
        return {'why': str(error), 'details': ''}
    return {'why': f'{type(error).__name__}: {error}', 'details': traceback.format_exc()}
