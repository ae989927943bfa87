"""``vaurienctl``: called in this process, or the installed command, watched while it runs, on a terminal too."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from time import monotonic

from tests.commands import SCRIPTS, call
from tests.servers import TIMEOUT
from tests.terminal import ESCAPE, Terminal
from vaurien.cli import ctl

#: Columns of a terminal.
COLUMNS = 160


def done(*words: str) -> str:
    """Return what the command prints; it must succeed, and print nothing to standard error."""
    result = call(ctl.main, *words)
    assert (result.returncode, result.stderr) == (0, '')
    return result.stdout


def rows(*words: str) -> list[list[str]]:
    """Return the cells of the table that the command prints."""
    return cells(done(*words))


def cells(table: str) -> list[list[str]]:
    """Return the cells of the lines behind the headings. Tabs separate them."""
    return [line.split('\t') for line in table.splitlines()[1:]]


def failed(status: int, *words: str) -> str:
    """Return the error that the command prints, in one line."""
    result = call(ctl.main, *words)
    assert (result.returncode, result.stdout) == (status, '')
    return read_error(result.stderr)


def read_error(said: str) -> str:
    """Return the error of the one line in *said*."""
    assert said.startswith('vaurienctl: error: ')
    assert said.count('\n') == 1
    return said.removeprefix('vaurienctl: error: ').rstrip('\n')


def shown(*words: str) -> list[str]:
    """Return the lines that the command shows on a terminal."""
    with Running(*words, terminal=True) as running:
        assert running.wait() == (0, '')
    return [line.rstrip() for line in running.said.splitlines()]


class Running:
    """The command, while it runs. With *terminal*, it has a terminal of its own, from which Ctrl-C comes."""

    def __init__(self, *words: str, terminal: bool = False) -> None:
        self.said = ''
        self._terminal = Terminal(COLUMNS) if terminal else None
        command = [str(SCRIPTS / 'vaurienctl'), *words]
        if self._terminal is not None:
            self._output = os.dup(self._terminal.outside)
            self.process = self._terminal.start(*command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            return
        self._output, inside = os.pipe()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=inside, stderr=subprocess.PIPE, text=True
        )
        os.close(inside)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *args: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.leave()
        if self._terminal is not None:
            self._terminal.__exit__()

    def wait_for(self, text: str) -> None:
        """Wait until the command has printed *text*; raise `AssertionError` with what it printed instead."""
        deadline = monotonic() + TIMEOUT
        while text not in self.said:
            assert self._read(deadline - monotonic()), f'no {text!r} in {self.said!r}'

    def wait(self) -> tuple[int, str]:
        """Wait until the command ends; return its exit status and its standard error. ``said`` has its output then."""
        deadline = monotonic() + TIMEOUT
        while self._output >= 0 and self._read(deadline - monotonic()):
            pass
        complaint = self.process.communicate(timeout=TIMEOUT)[1]
        return self.process.returncode, complaint

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        if self._terminal is not None:
            self._terminal.type('\x03')
        else:
            self.process.send_signal(signal.SIGINT)

    def leave(self) -> None:
        """Close the reading end of its output."""
        if self._output >= 0:
            os.close(self._output)
            self._output = -1

    def _read(self, seconds: float) -> bool:
        if not select.select([self._output], [], [], max(0, seconds))[0]:
            return False
        try:
            data = os.read(self._output, 65536)
        except OSError:  # a terminal that everybody has left
            return False
        self.said += ESCAPE.sub('', data.decode())
        return bool(data)
