"""``loads-runner`` and ``loads-broker``, forked from a process that has imported them.

The import of Locust takes longer than most of what the tests try. Each command is still a process of its own, with a
folder, an environment and output of its own; only its start is short. The tests of the installed commands, and of what
happens before Locust is imported, start those instead.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.loads.several import SEVERAL
from tests.servers import TIMEOUT

ROOT = Path(__file__).parent.parent.parent
#: The most bytes of an order: flags and environment.
MAX_ORDER = 200_000


class Forks:
    """The process that forks, and the end of a socket to it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            script = f'from tests.loads.forks import serve; serve({theirs.fileno()})'
            self._process = subprocess.Popen(
                [sys.executable, '-P', '-c', script],
                env={**os.environ, 'PYTHONPATH': str(ROOT)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def start(
        self, command: str, flags: Sequence[str], cwd: Path, environment: Mapping[str, str], out: int, err: int
    ) -> Fork:
        """Start a command that writes to the descriptors *out* and *err*."""
        ours, theirs = socket.socketpair()
        order = json.dumps({'command': command, 'flags': flags, 'cwd': str(cwd), 'environment': dict(environment)})
        with theirs:
            socket.send_fds(self._socket, [order.encode()], [out, err, theirs.fileno()])
        return Fork(ours)

    def close(self) -> None:
        """End the process. Commands that it has forked go on."""
        self._socket.close()
        self._process.wait(TIMEOUT)


class Fork:
    """A forked command: the part of `subprocess.Popen` that the tests use."""

    def __init__(self, reports: socket.socket) -> None:
        self._reports = reports
        self._text = b''
        self._status: int | None = None
        self.pid = self._read(4 * TIMEOUT)

    def poll(self) -> int | None:
        """Return the exit status, or None if the command still runs."""
        if self._status is None and select.select([self._reports], [], [], 0)[0]:
            self.wait(TIMEOUT)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises `TimeoutError` after *timeout* seconds."""
        if self._status is None:
            self._status = self._read(timeout)
            self._reports.close()
        return self._status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the command."""
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float | None) -> int:
        self._reports.settimeout(timeout)
        while b'\n' not in self._text:
            data = self._reports.recv(100)
            assert data, 'the process that forks has died'
            self._text += data
        line, _, self._text = self._text.partition(b'\n')
        return int(line)


def serve(descriptor: int) -> None:
    """Fork for each order that comes over the socket, until its other end is closed."""
    mains = _import_all()
    make_socket = _original('socket', 'socket')
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which closes the socket
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    with make_socket(fileno=descriptor) as orders:
        while True:
            text, (*descriptors,), _, _ = socket.recv_fds(orders, MAX_ORDER, 3)
            if not text:
                os._exit(0)  # without what mirakuru does at the exit of a process that starts servers
            if _original('os', 'fork')() == 0:
                orders.close()
                _keep(mains, json.loads(text), *descriptors)
            for one in descriptors:
                _original('os', 'close')(one)


def _import_all() -> dict[str, Any]:
    from vaurien.loads.users.patching import prepare

    prepare()
    import gc

    import redis  # noqa: F401  # what most test cases import

    from tests.loads import several
    from vaurien.loads import session, webapp, websocket  # noqa: F401
    from vaurien.loads.cli import broker, drive, runner  # noqa: F401
    from vaurien.loads.cluster import broker as _  # noqa: F401

    sys.path.remove(str(ROOT))
    gc.freeze()
    return {'loads-runner': runner.main, 'loads-broker': broker.main, SEVERAL: several.main}


def _original(module: str, name: str) -> Any:
    """Return what the standard library had under that name before gevent patched it."""
    from gevent.monkey import get_original

    return get_original(module, name)


def _keep(mains: dict[str, Any], order: dict[str, Any], out: int, err: int, reports: int) -> NoReturn:
    """Fork the command, report its process id and then its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = _original('os', 'fork')()
    if pid == 0:
        _original('os', 'close')(reports)
        _become(mains, order, out, err)
    for one in (out, err):
        _original('os', 'close')(one)
    os.write(reports, b'%d\n' % pid)
    status = os.waitstatus_to_exitcode(_original('os', 'waitpid')(pid, 0)[1])
    os.write(reports, b'%d\n' % status)
    os._exit(0)


def _become(mains: dict[str, Any], order: dict[str, Any], out: int, err: int) -> NoReturn:
    import gevent

    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(out, 1)
        os.dup2(err, 2)
        for one in (out, err):
            _original('os', 'close')(one)
        gevent.reinit()
        os.chdir(order['cwd'])
        os.environ.clear()
        os.environ.update(order['environment'])
        sys.argv[:] = [order['command'], *order['flags']]
        status = mains[order['command']](order['flags'])
    except SystemExit as error:  # after --help
        status = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)
    raise AssertionError('unreachable')
