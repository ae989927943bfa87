"""A terminal that a test looks at and types on."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from tests.servers import TIMEOUT

#: What moves a cursor or colours a text.
ESCAPE = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]')
#: Becomes the command that it is given, once the keys of the terminal send it signals; also where the tests run in the
#: background of a shell, which has Ctrl-C ignored.
TAKE_TERMINAL = """\
import fcntl, os, signal, sys, termios
terminal = int(sys.argv[1])
os.setsid()
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
os.close(terminal)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Screen(StringIO):
    """What is printed within a test's own process, as if to a terminal."""

    def isatty(self) -> bool:
        return True


class Terminal:
    """A terminal. It shows what is printed to it, which `shown` collects once it is read."""

    def __init__(self, columns: int = 80) -> None:
        self.outside, self._inside = pty.openpty()
        fcntl.ioctl(self._inside, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        self._columns = columns
        self._process: subprocess.Popen[str] | None = None
        self.shown = b''

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *args: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(TIMEOUT)
        for descriptor in (self.outside, self._inside):
            if descriptor >= 0:
                os.close(descriptor)

    def open(self) -> TextIO:
        """Return a stream that prints to it."""
        return Path(f'/proc/self/fd/{self._inside}').open('w')

    def start(self, *command: str, environment: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start a command that has its Ctrl-C, and that ends with it.

        The streams of the command are those of the terminal, unless *options* say otherwise.
        """
        environment = {**os.environ, 'TERM': 'xterm', 'COLUMNS': str(self._columns), **(environment or {})}
        streams = {'stdin': self._inside, 'stdout': self._inside, 'stderr': self._inside}
        self._process = subprocess.Popen(
            [sys.executable, '-c', TAKE_TERMINAL, str(self._inside), *command],
            env=environment,
            text=True,
            pass_fds=(self._inside,),
            **{**streams, **options},
        )
        os.close(self._inside)  # the terminal ends with the command
        self._inside = -1
        return self._process

    def type(self, text: str) -> None:
        """Type *text* on its keyboard: ``\\x03`` is Ctrl-C, ``\\x04`` is Ctrl-D."""
        os.write(self.outside, text.encode())

    def wait_for(self, text: str) -> str:
        """Return all that was shown, once *text* is in it; raise `AssertionError` if that takes too long."""
        return self.wait_until(lambda: text.encode() in self.shown)

    def wait_until(self, condition: Callable[[], object]) -> str:
        """Return all that was shown, once *condition* is true; raise `AssertionError` if that takes too long."""
        deadline = monotonic() + 2 * TIMEOUT
        while not condition():
            assert monotonic() < deadline, self.shown
            assert self._read(), self.shown
        return self.text

    def wait(self) -> tuple[int, str]:
        """Return the exit status of the command, once it has ended, and all that was shown."""
        assert self._process is not None
        while self._read():
            pass
        return self._process.wait(TIMEOUT), self.text

    @property
    def text(self) -> str:
        """All that was shown so far."""
        return self.shown.decode(errors='replace').replace('\r\n', '\n')

    def _read(self) -> bytes:
        assert select.select([self.outside], [], [], 2 * TIMEOUT)[0], self.shown
        data = b''
        with suppress(OSError):  # what Linux answers once nobody has the other side open
            data = os.read(self.outside, 65536)
        self.shown += data
        return data
