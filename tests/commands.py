"""The installed commands, as subprocesses; and what stands behind them, called in this process."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import IO

from tests.logs import own_root_logger
from tests.servers import HOST, TIMEOUT

SCRIPTS = Path(sysconfig.get_path('scripts'))

#: Runs the tests of somebody who has installed vaurien. These plug-ins of others would take a second at every start.
_WITHOUT = ('cacheprovider', 'schemathesis', 'hypothesispytest', 'anyio')
PYTEST = [sys.executable, '-m', 'pytest', *(word for name in _WITHOUT for word in ('-p', f'no:{name}'))]

#: The line that says what is proxied: ``vaurien 2.0.0: 127.0.0.1:43211 -> localhost:6379 (redis)``.
LISTENING = re.compile(r'vaurien \S+: (?P<host>\S+):(?P<port>\d+) -> ')
#: With one of these there may be no proxy, and is a control API.
SERVED = {'--server', '--toxiproxy-config'}

#: The line that says where the control API is: an ``http://`` URL.
CONTROL = re.compile(r'http://\S+:(?P<port>\d+)')


#: Bytes of addresses that a command of `run_within` has: enough for each of them, and not for what has no end.
MEMORY = 1024 * 1024 * 1024


def run(command: str, *arguments: str | bytes, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Run an installed command to its end, which must come within *timeout* seconds."""
    return subprocess.run(
        [str(SCRIPTS / command), *arguments], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
    )


def run_within(memory: int, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Do as `run` does, with a limit of *memory* in bytes, so that no mistake takes the machine down."""
    limit = f'import os, resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))'
    code = f'{limit}; os.execv(sys.argv[1], sys.argv[1:])'
    return subprocess.run(
        [sys.executable, '-c', code, str(SCRIPTS / command), *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        stdin=subprocess.DEVNULL,
    )


def call(main: Callable[[Sequence[str]], int], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Do as `run` does in this process, with the function behind a command: starting Python takes longer."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), own_root_logger():
        try:
            status = main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def insist(process: subprocess.Popen[str], number: int) -> None:
    """Send a process a signal until it has ended: one that comes right after the first does not count as a second."""
    for _ in range(int(TIMEOUT / 0.05)):
        process.send_signal(number)
        # Without gevent: where workers were started before, its event loop takes the status of whatever has ended.
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            return


class Process:
    """An installed command that goes on until it is told to end. ``out_lines`` and ``log_lines`` are what it said."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [str(SCRIPTS / name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        self.out_lines: list[str] = []
        self.log_lines: list[str] = []
        self._changed = threading.Condition()
        self._open_pipes = 2
        self._readers = [
            self._start_reader(self.process.stdout, self.out_lines),
            self._start_reader(self.process.stderr, self.log_lines),
        ]

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """The first log line in which *pattern* is found, waiting for it up to `TIMEOUT`."""
        return self.wait_for_line(self.log_lines, re.compile(pattern))

    def wait_for_line(self, lines: list[str], pattern: re.Pattern[str]) -> re.Match[str]:
        """Likewise for ``out_lines`` or ``log_lines``; raises `AssertionError` with all that was said."""
        with self._changed:
            self._changed.wait_for(lambda: any(map(pattern.search, lines)) or not self._open_pipes, TIMEOUT)
            for line in lines:
                if match := pattern.search(line):
                    return match
        said = '\n'.join([*self.out_lines, *self.log_lines])
        raise AssertionError(f'no line like {pattern.pattern!r} from {self.name}, which said:\n{said}')

    def stop(self, signal_number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """End it and wait for it: its return code, standard output and standard error."""
        self.process.send_signal(signal_number)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        """Wait for it to end: its return code, standard output and standard error."""
        code = self.process.wait(2 * TIMEOUT)
        for reader in self._readers:
            reader.join(TIMEOUT)
        return code, '\n'.join(self.out_lines), '\n'.join(self.log_lines)

    def kill(self) -> None:
        """End it at once, whatever its state."""
        self.process.kill()
        self.wait()

    def _start_reader(self, pipe: IO[str] | None, lines: list[str]) -> threading.Thread:
        assert pipe is not None
        thread = threading.Thread(target=self._read, args=(pipe, lines), daemon=True)
        thread.start()
        return thread

    def _read(self, pipe: IO[str], lines: list[str]) -> None:
        with pipe:
            for line in pipe:
                with self._changed:
                    lines.append(line.rstrip('\n'))
                    self._changed.notify_all()
        with self._changed:
            self._open_pipes -= 1
            self._changed.notify_all()


class Command(Process):
    """A ``vaurien`` process that is listening.

    It gets ``--proxy 127.0.0.1:0`` unless *flags* say otherwise, and ``--http-port 0`` with a bare ``--http``.
    ``port`` and ``control_port`` are the ports that it said it took, ``control_port`` 0 without ``--http``. With
    ``--server`` or ``--toxiproxy-config`` it has the control API, and ``port`` is 0.
    """

    def __init__(self, *flags: str) -> None:
        arguments = list(flags)
        served = not SERVED.isdisjoint(flags)
        if not served and '--proxy' not in flags and '--config' not in flags:
            arguments += ['--proxy', f'{HOST}:0']
        if (served or '--http' in flags) and '--http-port' not in flags:
            arguments += ['--http-port', '0']
        super().__init__('vaurien', *arguments)
        try:
            self.host, self.port = HOST, 0
            if not served:
                listening = self.wait_for_line(self.out_lines, LISTENING)
                self.host, self.port = listening['host'].strip('[]'), int(listening['port'])
            controlled = served or '--http' in flags
            self.control_port = int(self.wait_for_line(self.out_lines, CONTROL)['port']) if controlled else 0
        except BaseException:
            self.kill()
            raise

    @property
    def address(self) -> str:
        """``host:port`` of the proxy."""
        return f'{self.host}:{self.port}'

    @property
    def api(self) -> str:
        """The URL of the control API."""
        return f'http://localhost:{self.control_port}'


@contextmanager
def serving(*flags: str) -> Iterator[Command]:
    """Have ``vaurien`` serve for a block. It has nothing to log at the level that is asked for, and ends well."""
    command = Command(*flags)
    try:
        yield command
        assert command.stop()[::2] == (0, '')
    finally:
        command.kill()


@contextmanager
def unheard(name: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a command whose standard error is the smallest pipe, which nobody reads: the process, and what it said.

    It said ``Ctrl-C ends``.
    """
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    command = [str(SCRIPTS / name), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=write_end, text=True) as process:
        os.close(write_end)
        try:
            assert process.stdout is not None
            said = ''
            while 'Ctrl-C ends' not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield process, said
        finally:
            process.kill()
            os.close(read_end)


#: What the fixture ``vaurien_command`` gives.
StartCommand = Callable[..., Command]
