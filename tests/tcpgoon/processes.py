"""``tcpgoon`` as a process that goes on: its lines as they come, its terminal, its end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.commands import SCRIPTS
from tests.servers import TIMEOUT

GOON = str(SCRIPTS / 'tcpgoon')

STATUS = re.compile(
    r'Total: (?P<total>\d+), Dialing: (?P<dialing>\d+), Established: (?P<established>\d+), '
    r'Closed: (?P<closed>\d+), Error: (?P<error>\d+), NotInitiated: (?P<not_initiated>\d+)'
)


def read_statuses(output: str) -> list[dict[str, int]]:
    """Return every line of status in *output*."""
    lines = [match for line in output.splitlines() if (match := STATUS.fullmatch(line))]
    return [{name: int(count) for name, count in match.groupdict().items()} for match in lines]


#: Becomes the command that it is given, once the keys of the terminal send it signals; also where the tests run in the
#: background of a shell, which has Ctrl-C ignored.
TAKE_TERMINAL = """\
import fcntl, os, signal, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Process:
    """A ``tcpgoon`` whose output is read as it comes."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [GOON, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = ''

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait for a line with *pattern*; raise `AssertionError` with the whole output if there is none."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(self.said)

    def interrupt(self, signal_number: int = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal and wait for the end, like `wait`."""
        self.process.send_signal(signal_number)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit status, the standard output and the standard error."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.said += self.process.stdout.read()  # `communicate` would miss what `wait_for` has read ahead
        return self.process.wait(2 * TIMEOUT), self.said, self.process.stderr.read()


@contextmanager
def running(*words: str) -> Iterator[Process]:
    """Run a `Process` that ends with the block at the latest."""
    process = Process(*words)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.communicate(timeout=TIMEOUT)


class Terminal:
    """A ``tcpgoon`` on a terminal of its own, of 80 columns."""

    def __init__(self, *words: str) -> None:
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
        environment = {**os.environ, 'TERM': 'xterm-256color', 'COLUMNS': '80'}
        self.process = subprocess.Popen(
            [sys.executable, '-c', TAKE_TERMINAL, GOON, *words],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=environment,
        )
        os.close(inside)
        self.shown = ''

    def wait_for(self, text: str) -> None:
        """Wait until the terminal shows *text*."""
        while text not in self.shown:
            assert select.select([self._terminal], [], [], TIMEOUT)[0], self.shown
            self.shown += os.read(self._terminal, 65536).decode()

    def type(self, text: str) -> None:
        """Type *text* on its keyboard: ``\\x03`` is Ctrl-C, ``\\x04`` is Ctrl-D."""
        os.write(self._terminal, text.encode())

    def wait(self) -> tuple[int, str]:
        """Wait for the end; return the exit status and everything that was shown."""
        with suppress(OSError):  # what Linux answers once nobody has the other side open
            while True:
                assert select.select([self._terminal], [], [], 2 * TIMEOUT)[0], self.shown
                self.shown += os.read(self._terminal, 65536).decode()
        return self.process.wait(TIMEOUT), self.shown.replace('\r\n', '\n')

    def close(self) -> None:
        """End it, whatever its state."""
        self.process.kill()
        self.process.wait(TIMEOUT)
        os.close(self._terminal)


@contextmanager
def on_a_terminal(*words: str) -> Iterator[Terminal]:
    """Run a `Terminal` that ends with the block at the latest."""
    terminal = Terminal(*words)
    try:
        yield terminal
    finally:
        terminal.close()
