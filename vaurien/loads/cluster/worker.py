"""An agent at work: it connects, does one run as it is told, and leaves. Whoever started it cleans up after it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import gevent
import locust.runners
import msgspec
from gevent.os import make_nonblocking, nb_read
from gevent.pool import Group
from gevent.queue import Queue
from locust.env import Environment
from locust.rpc import Message
from locust.runners import WorkerRunner

from vaurien import __version__
from vaurien.address import Address
from vaurien.errors import SealError, SetupError, VaurienError
from vaurien.loads.cluster import messages, packing, requirements
from vaurien.loads.cluster.messages import Seal
from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.users.user_process import UserProcess

#: Seconds without a sign of life from the master after which the users are stopped.
PATIENCE = 7.0
#: Seconds after which a look that was to come every second shows that this process had no time to look.
BUSY = 2.0
#: Milliseconds for the last messages to leave.
LINGER_MS = 1000

#: Seconds between two reports of what was counted.
locust.runners.WORKER_REPORT_INTERVAL = 1.0
#: Nobody reads them.
locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
#: Never: `Worker._watch` is more patient with a process that was busy.
locust.runners.MASTER_HEARTBEAT_TIMEOUT = 10**9


class Worker:
    """Good for one run."""

    def __init__(
        self, name: str, host: str, directory: Path, secret: str, *, no_patching: bool, quiet: bool = False
    ) -> None:
        """*host* is whoever started it, and ends with it: the other end of standard input is there."""
        self.name = name
        self._about = {'name': name, 'host': host, 'no_patching': no_patching}
        self._directory = directory
        self._secret = secret
        self._quiet = quiet
        self._environment = Environment()
        self._orders: Queue[tuple[str, Any]] = Queue()
        self._process: UserProcess | None = None
        self._runner: WorkerRunner | None = None
        self._greenlets = Group()
        self._greenlets.spawn(self._watch_host)

    def connect(self, address: Address) -> None:
        """Say hello to the master at that address; raises `ConnectionError` if there is none for five minutes."""
        host = messages.bindable(messages.resolve(address, what='--broker'))
        runner = self._runner = self._environment.create_worker_runner(host, address.port)
        nonce = messages.make_nonce()
        self._seal = Seal(self._secret, runner.client_id, nonce)
        self._environment.events.report_to_master.add_listener(self._add_to_report)
        for kind in (messages.SETUP, messages.CYCLE, messages.STOP, messages.END):
            runner.register_message(kind, self._on_order)
        runner.register_message(messages.REFUSED, self._on_refused)
        about = {'python': platform.python_version(), 'version': __version__, 'pid': os.getpid()}
        proof = messages.prove(self._secret, messages.HELLO, runner.client_id, nonce)
        runner.send_message(messages.HELLO, {**self._about, **about, 'nonce': nonce, 'proof': proof})
        self._greenlets.spawn(self._watch, runner)
        self._say('connected')

    def serve(self) -> NoReturn:
        """Take orders until the last one."""
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
        """Stop the users, send what they did, end this process."""
        try:
            if self._process is not None:
                self._process.stop()
                self._process.tear_down()
            if self._runner is not None:
                self._runner._send_stats()
                self._environment.events.quitting.fire(environment=self._environment)
                socket = self._runner.client.socket
                socket.close(linger=LINGER_MS)
                socket.context.term()  # once it has left
            self._say(why)
            shutil.rmtree(self._directory, ignore_errors=True)  # should nobody be there to do it
        finally:
            os._exit(0)

    def _set_up(self, runner: WorkerRunner, content: Any) -> None:
        try:
            plan = Plan.from_data(content['plan'])
            self._say(f'runs {plan.test}')
            work = self._directory / 'test'
            work.mkdir()
            packing.unpack(content['files'], work)
            os.chdir(work)
            if plan.python_dep:
                requirements.install(plan.python_dep, self._directory / 'venv')
            sys.path.insert(0, str(work))
            process = UserProcess(self._environment, runner, plan, agent=self.name, number=content['number'])
            process.set_up()
        except Exception as error:  # whatever it is: whoever wants the run has to know
            runner.send_message(messages.FAILED, _tell(error))
        else:
            self._process = process
            runner.send_message(messages.READY)

    def _run(self, runner: WorkerRunner, process: UserProcess, cycle: Cycle) -> None:
        runner.worker_state = 'running'
        process.run(cycle)
        runner.worker_state = 'ready'
        runner._send_stats()
        runner.send_message(messages.DONE)

    def _add_to_report(self, client_id: str, data: dict[str, Any]) -> None:
        if self._process is not None:
            data['loads'] = self._process.stats.take().to_data()

    def _on_order(self, environment: Environment, msg: Message) -> None:
        try:
            content = self._seal.open(msg.type, msg.data)
        except SealError as error:
            self._say(f'ignored: {error}')
            return
        if msg.type != messages.STOP:
            self._orders.put((msg.type, content))
        elif self._process is not None:
            self._greenlets.spawn(self._process.stop)

    def _on_refused(self, environment: Environment, msg: Message) -> None:
        self._say(f'refused: {(msg.data or {}).get("why")}')
        os._exit(1)

    def _watch(self, runner: WorkerRunner) -> None:
        """Leave when the master has gone: it answers every heartbeat."""
        seen, waited = runner.last_heartbeat_timestamp, 0.0
        while waited < PATIENCE:
            began = time.monotonic()
            gevent.sleep(1)
            spent = time.monotonic() - began
            if runner.last_heartbeat_timestamp != seen:
                seen, waited = runner.last_heartbeat_timestamp, 0.0
            elif spent < BUSY:
                waited += spent
        self.leave('the broker has gone')

    def _watch_host(self) -> None:
        """Leave when whoever started this process has: its end of the pipe closes."""
        make_nonblocking(0)
        while nb_read(0, 1):
            pass
        self.leave('left alone')

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(f'{time.strftime("%H:%M:%S")} {self.name}: {text}', file=sys.stderr, flush=True)


def _tell(error: Exception) -> dict[str, str]:
    if isinstance(error, SetupError):
        return {'why': error.description, 'details': error.details}
    if isinstance(error, VaurienError):
        return {'why': str(error), 'details': ''}
    return {'why': f'{type(error).__name__}: {error}', 'details': traceback.format_exc()}
