"""The process of an agent that has the users: one run, then it ends. Whoever started it cleans up after it."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from vaurien import __version__, log
from vaurien.address import Address
from vaurien.errors import VaurienError
from vaurien.loads.engine.patching import prepare
from vaurien.loads.errors import SetupError

if TYPE_CHECKING:
    from locust.rpc import Message

    from vaurien.loads.engine.process import Process
    from vaurien.loads.plan import Plan

#: Seconds without a sign of life from the master after which the users are stopped.
PATIENCE = 7.0
#: Seconds between two reports of what was counted.
REPORT_INTERVAL = 1.0
#: Milliseconds for the last messages to leave.
LINGER_MS = 1000


class Worker:
    """Connects, does what it is told, leaves."""

    def __init__(self, address: Address, name: str, host: str, directory: Path, secret: str, *, no_patching: bool, quiet: bool) -> None:
        """Raises `ConnectionError` if there is no master for five minutes."""
        import locust.runners
        from gevent.pool import Group
        from gevent.queue import Queue
        from locust.env import Environment

        from vaurien.loads.cluster import messages

        locust.runners.WORKER_REPORT_INTERVAL = REPORT_INTERVAL
        locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
        locust.runners.MASTER_HEARTBEAT_TIMEOUT = 3600  # `_watch` is more patient with a process that was busy
        self.name = name
        self._quiet = quiet
        self._directory = directory
        self._environment = Environment()
        self._orders: Queue[tuple[str, Any]] = Queue()
        self._process: Process | None = None
        self._greenlets = Group()
        host_name = messages.bindable(messages.resolve(address, what='--broker'))
        self._runner = self._environment.create_worker_runner(host_name, address.port)
        nonce, client_id = messages.make_nonce(), self._runner.client_id
        self._seal = messages.Seal(secret, client_id, nonce)
        self._environment.events.report_to_master.add_listener(self._add_to_report)
        for kind in (messages.SETUP, messages.CYCLE, messages.STOP, messages.END):
            self._runner.register_message(kind, self._on_order)
        self._runner.register_message(messages.REFUSED, self._on_refused)
        self._runner.send_message(
            messages.HELLO,
            {
                'name': name,
                'host': host,
                'nonce': nonce,
                'proof': messages.prove(secret, messages.HELLO, client_id, nonce),
                'python': platform.python_version(),
                'version': __version__,
                'pid': os.getpid(),
                'no_patching': no_patching,
            },
        )
        self._greenlets.spawn(self._watch)
        self._greenlets.spawn(self._watch_parent)

    def serve(self) -> None:
        """Take orders until the last one."""
        from vaurien.loads.cluster import messages

        self._say('connected')
        while True:
            kind, content = self._orders.get()
            if kind == messages.END:
                break
            if kind == messages.SETUP:
                self._set_up(content)
            elif kind == messages.CYCLE and self._process is not None:
                self._run(content)
        self.leave('done')

    def leave(self, why: str) -> NoReturn:
        """Stop the users, send what they did, end this process."""
        try:
            if self._process is not None:
                self._process.stop()
                self._process.tear_down()
            self._runner._send_stats()
            self._environment.events.quitting.fire(environment=self._environment)
            self._say(why)
            socket = self._runner.client.socket
            socket.close(linger=LINGER_MS)
            socket.context.term()  # once it has left
            shutil.rmtree(self._directory, ignore_errors=True)
        finally:
            os._exit(0)

    def _set_up(self, content: Any) -> None:
        from vaurien.loads.cluster import files, messages, requirements
        from vaurien.loads.engine.process import Process
        from vaurien.loads.plan import Plan

        try:
            plan: Plan = Plan.from_data(content['plan'])
            self._say(f'runs {plan.test}')
            work = self._directory / 'test'
            work.mkdir()
            files.unpack(content['files'], work)
            os.chdir(work)
            if plan.python_dep:
                requirements.install(plan.python_dep, self._directory / 'venv')
            sys.path.insert(0, str(work))
            process = Process(self._environment, self._runner, plan, agent=self.name, number=content['number'])
            process.set_up()
            self._process = process
        except Exception as error:  # whatever it is: whoever started the run has to know
            details = error.details if isinstance(error, SetupError) else ''
            why = str(error) if isinstance(error, VaurienError) else f'{type(error).__name__}: {error}'
            if not isinstance(error, VaurienError):
                details = traceback.format_exc()
            self._runner.send_message(messages.FAILED, {'why': why, 'details': details})
        else:
            self._runner.send_message(messages.READY)

    def _run(self, content: Any) -> None:
        import msgspec

        from vaurien.loads.cluster import messages
        from vaurien.loads.plan import Cycle

        assert self._process is not None, 'asked before'
        self._runner.worker_state = 'running'
        self._process.run(msgspec.convert(content, Cycle))
        self._runner.worker_state = 'ready'
        self._runner._send_stats()
        self._runner.send_message(messages.DONE)

    def _add_to_report(self, client_id: str, data: dict[str, Any]) -> None:
        if self._process is not None:
            data['loads'] = self._process.stats.take().to_data()

    def _on_order(self, environment: Any, msg: Message) -> None:
        from vaurien.loads.cluster import messages

        try:
            content = self._seal.open(msg.type, msg.data)
        except messages.SealError as error:
            self._say(f'ignored: {error}')
            return
        if msg.type == messages.STOP:
            if self._process is not None:
                self._greenlets.spawn(self._process.stop)
        else:
            self._orders.put((msg.type, content))

    def _on_refused(self, environment: Any, msg: Message) -> None:
        self._say(f'refused: {(msg.data or {}).get("why")}')
        os._exit(1)

    def _watch(self) -> None:
        """Leave when the master has gone: it answers every heartbeat."""
        import gevent

        seen, waited = self._runner.last_heartbeat_timestamp, 0.0
        while True:
            began = time.monotonic()
            gevent.sleep(1)
            spent = time.monotonic() - began
            if self._runner.last_heartbeat_timestamp != seen:
                seen, waited = self._runner.last_heartbeat_timestamp, 0.0
            elif spent < 2:  # and not because this process had no time to look
                waited += spent
            if waited > PATIENCE:
                self.leave('the broker has gone')

    def _watch_parent(self) -> None:
        """Leave when whoever started this process has: its end of the pipe closes."""
        from gevent.os import make_nonblocking, nb_read

        make_nonblocking(0)
        while nb_read(0, 1):
            pass
        self.leave('left alone')

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(f'{time.strftime("%H:%M:%S")} {self.name}: {text}', file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m vaurien.loads.cluster.worker``, as `supervisor.start_worker` starts it."""
    parser = argparse.ArgumentParser('worker')
    parser.add_argument('--broker', type=Address.parse)
    parser.add_argument('--name')
    parser.add_argument('--host', default=uuid.uuid4().hex)
    parser.add_argument('--directory', type=Path)
    parser.add_argument('--no-patching', action='store_true')
    parser.add_argument('--quiet', action='store_true')
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides
    for name in ('PYTHONSAFEPATH', 'LOADS_SERVER_URL'):
        os.environ.pop(name, None)
    secret = os.environ.pop('LOADS_SECRET', '')  # not for the test to see
    del sys.argv[1:]
    prepare(no_patching=arguments.no_patching)
    import gevent

    log.set_up('error', '-')
    try:
        worker = Worker(
            arguments.broker,
            arguments.name,
            arguments.host,
            arguments.directory,
            secret,
            no_patching=arguments.no_patching,
            quiet=arguments.quiet,
        )
    except ConnectionError:
        print(f'{arguments.name}: no broker at {arguments.broker}', file=sys.stderr)
        return 1
    gevent.signal_handler(signal.SIGTERM, worker.leave, 'told to leave')
    worker.serve()
    return 0


if __name__ == '__main__':
    sys.exit(main())
