"""The keys of a terminal, each as it is pressed; and the terminal as it was, whatever ends the command."""

from __future__ import annotations

import os
import re
import select
import signal
import termios
import time
import tty
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from vaurien.console.output import is_terminal
from vaurien.errors import EndOfStreamError

#: What a terminal sends for a key, of those that have names here. SS3 is what some send for the arrows.
NAMES = {
    **dict.fromkeys(('\x1b[A', '\x1bOA'), 'up'),
    **dict.fromkeys(('\x1b[B', '\x1bOB'), 'down'),
    **dict.fromkeys(('\r', '\n'), 'enter'),
    **dict.fromkeys(('\x7f', '\b'), 'backspace'),
    '\x1b': 'escape',
    '\x04': 'end',
    '\x1a': 'suspend',
}
#: A key: a control sequence (ECMA-48, 5.4), that of a function key, or a character.
_KEY = re.compile(r'\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|.', re.DOTALL)
#: The beginning of a key whose end has yet to come, and the seconds that it may take: a network may bring it in parts.
_BEGINNING = re.compile(r'\x1b(\[[0-?]*[ -/]*|O)?\Z')
REST = 0.1

#: The value of a character of `termios` that is none.
NO_CHARACTER = b'\0'


class Keyboard:
    """Reads keys from *stream*. Within the block, they come at once, and the terminal does not show them.

    Ctrl-C stays a signal. A stream that is not a terminal has no keys.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._descriptor = stream.fileno() if stream is not None and is_terminal(stream) else None
        self._decoder = getincrementaldecoder('utf-8')('replace')

    def __enter__(self) -> Keyboard:
        if self._descriptor is not None:
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor, termios.TCSANOW)
            mode = termios.tcgetattr(self._descriptor)
            mode[6][termios.VSUSP] = NO_CHARACTER  # Ctrl-Z: the screen must be left before
            termios.tcsetattr(self._descriptor, termios.TCSANOW, mode)
        return self

    def __exit__(self, *args: object) -> None:
        if self._descriptor is not None:
            with suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)

    def read(self, seconds: float) -> list[str]:
        """Wait for keys for so long, and return those that were pressed: characters, and the names in `NAMES`."""
        if self._descriptor is None:
            time.sleep(seconds)
            return []
        text = self._receive(self._descriptor, seconds)
        while _BEGINNING.search(text):
            rest = self._receive(self._descriptor, REST)
            if not rest:
                break
            text += rest
        return [NAMES.get(key, key) for key in _KEY.findall(text)]

    def _receive(self, descriptor: int, seconds: float) -> str:
        if not select.select([descriptor], [], [], seconds)[0]:
            return ''
        data = os.read(descriptor, 1024)
        if not data:
            raise EndOfStreamError('the terminal has gone')
        return self._decoder.decode(data)


@contextmanager
def leaving_in_order() -> Iterator[None]:
    """Leave the block at SIGTERM and SIGHUP, too, as at an error. The exit status is then as shells have it."""
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def suspend() -> None:
    """Stop this process, as Ctrl-Z does, until the shell has it go on."""
    os.kill(os.getpid(), signal.SIGTSTP)
