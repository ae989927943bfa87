"""A command that is run with all the processes that it starts, none of which is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from vaurien.console.output import print_line
from vaurien.errors import StartError, find_reason

#: How much of the end of its output is kept.
OUTPUT_MAX = 64 * 1024
#: Seconds that processes may take to end when they are asked to; and between two looks at whether they have.
GRACE = 2.0
PAUSE = 0.005
#: Where the processes of the machine are listed, on Linux.
PROC = Path('/proc')


class ProcessGroup:
    """Runs a command, with nothing to read, in a session of its own. A terminal's Ctrl-C does not reach it."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], *, echoes: bool = False) -> None:
        """Start it; raise `StartError`. With *echoes*, its output is printed as it comes."""
        try:
            with ExitStack() as stack:
                # Before the command: without a pipe, nobody would be left to end it.
                self._interruption, self._interrupting = os.pipe()
                stack.callback(os.close, self._interruption)
                stack.callback(os.close, self._interrupting)
                self._process = subprocess.Popen(
                    command,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                stack.pop_all()
        except (OSError, ValueError) as error:  # ValueError: a word with a NUL
            raise StartError(f'cannot run {command[0]!r}: {find_reason(error)}') from error
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        os.set_blocking(self._interrupting, False)
        self._output = bytearray()
        self._echoes = echoes

    @property
    def number(self) -> int:
        """The number of the process, of its group, and of its session."""
        return self._process.pid

    @property
    def output(self) -> str:
        """The end of what it has printed, standard error included."""
        return self._output.decode(errors='replace')

    def wait(self, limit: float | None) -> int | None:
        """Return the exit status, which is negative for a signal; or None if it runs for longer than *limit* seconds.

        Then, and if it has left any behind, end its processes. Call this once.
        """
        try:
            with _watch(self.number) as descriptor:
                has_ended = self._read_until(descriptor, limit)
            self._end_all()
        finally:
            interrupting, self._interrupting = self._interrupting, -1  # in this order: the number may be taken again
            os.close(interrupting)
            os.close(self._interruption)
            assert self._process.stdout is not None
            self._process.stdout.close()
        return self._process.returncode if has_ended else None

    def interrupt(self) -> None:
        """Have `wait` return as if the time were over. A signal handler may call this."""
        if self._interrupting >= 0:
            with suppress(BlockingIOError):  # it was interrupted often enough
                os.write(self._interrupting, b'!')

    def _read_until(self, descriptor: int | None, limit: float | None) -> bool:
        """Read its output until it ends, and return True; or until the time is over, or somebody interrupts.

        *descriptor* tells when it ends. Without one, look again and again.
        """
        deadline = None if limit is None else monotonic() + limit
        events = select.poll()
        for one in (descriptor, self._pipe, self._interruption):
            if one is not None:
                events.register(one, select.POLLIN)
        while deadline is None or monotonic() < deadline:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            if descriptor is None:
                left = PAUSE if left is None else min(left, PAUSE)
            ready = {one for one, _ in events.poll(None if left is None else 1000 * left)}
            if self._pipe in ready and not self._read():
                events.unregister(self._pipe)
            if descriptor in ready or (descriptor is None and self._process.poll() is not None):
                return True
            if self._interruption in ready:
                return False
        return False

    def _read(self) -> bool:
        """Read what it has printed meanwhile, as much as a pipe holds; return whether more may come."""
        try:
            data = os.read(self._pipe, OUTPUT_MAX)  # once: what is printed without end is not read without end
        except BlockingIOError:
            return True
        self._output += data
        del self._output[:-OUTPUT_MAX]
        if self._echoes:
            print_line(data.decode(errors='replace'), end='')
        return bool(data)

    def _end_all(self) -> None:
        """End all of its processes: those that do not obey are killed."""

        def pause() -> None:
            self._read()  # who waits for room in the pipe does not end
            sleep(PAUSE)
            self._process.poll()

        self._process.poll()
        end_session(self.number, GRACE, pause)
        self._process.wait()
        self._read()


class SessionProcess(NamedTuple):
    """A process of a session."""

    number: int
    parent: int
    #: Whether it has ended, and nobody has waited for it.
    has_ended: bool


def find_session(number: int) -> list[SessionProcess]:
    """Return the processes of a session; none where no file system tells them."""
    found = []
    for path in PROC.glob('[1-9]*/stat'):
        with suppress(OSError):  # it has ended meanwhile
            # The name, in parentheses, may be anything; behind it are state, parent, group and session (proc(5)).
            state, parent, _, session = path.read_bytes().rpartition(b')')[2].split()[:4]
            if int(session) == number:
                found.append(SessionProcess(int(path.parent.name), int(parent), state == b'Z'))
    return found


def end_session(number: int, grace: float, pause: Callable[[], object]) -> None:
    """End all processes of a session whose first process has that *number*, which is its only group.

    Those that do not obey within *grace* seconds are killed. *pause* waits for a moment between two looks at them; it
    has to wait for the first process, too, if that has ended.
    """
    deadline = monotonic() + grace
    if _is_alive(number):
        _send(number, signal.SIGTERM)
    while _is_alive(number):
        if monotonic() > deadline:
            _send(number, signal.SIGKILL)
            return
        pause()


def _is_alive(session: int) -> bool:
    """Return whether a process of the session runs. Those that nobody has waited for do not count."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return not PROC.is_dir() or any(not process.has_ended for process in find_session(session))


def _send(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


@contextmanager
def _watch(number: int) -> Iterator[int | None]:
    """Have a descriptor within the block that is readable when a process has ended; None if the system gives none."""
    descriptor = None
    with suppress(AttributeError, OSError):  # Python or the kernel has no such call, or a filter forbids it
        descriptor = os.pidfd_open(number)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)
