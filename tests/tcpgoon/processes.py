"""``tcpgoon`` as a process that goes on: its lines as they come, its terminal, its end."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.commands import SCRIPTS
from tests.servers import TIMEOUT
from tests.terminal import Terminal

GOON = str(SCRIPTS / 'tcpgoon')

STATUS = re.compile(
    r'Total: (?P<total>\d+), Dialing: (?P<dialing>\d+), Established: (?P<established>\d+), '
    r'Closed: (?P<closed>\d+), Error: (?P<error>\d+), NotInitiated: (?P<not_initiated>\d+)'
)


def read_statuses(output: str) -> list[dict[str, int]]:
    """Return every line of status in *output*."""
    lines = [match for line in output.splitlines() if (match := STATUS.fullmatch(line))]
    return [{name: int(count) for name, count in match.groupdict().items()} for match in lines]


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


@contextmanager
def on_a_terminal(*words: str) -> Iterator[Terminal]:
    """Run a ``tcpgoon`` on a terminal of 80 columns; it ends with the block at the latest."""
    with Terminal() as terminal:
        terminal.start(GOON, *words, environment={'TERM': 'xterm-256color'})
        yield terminal
