"""The command ``tcpgoon`` and its sub-commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vaurien import __version__
from vaurien.console.command import run_command
from vaurien.console.output import print_line
from vaurien.errors import ConfigError, VaurienError
from vaurien.tcpgoon.flags import RUN, SERVER, parse

COMMANDS = ('run', 'server', 'version', '--version')
#: The exit status of errors and of Ctrl-C, as in the original, where 2 says that connections failed.
FAILED = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status: 0, 1 or 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    return run_command('tcpgoon', lambda: _dispatch(words), {VaurienError: FAILED}, interrupted=FAILED)


def _dispatch(words: list[str]) -> int:
    name = words.pop(0) if words and words[0] in COMMANDS else 'run'
    if name == 'run':
        return _run(words)
    return _serve(words) if name == 'server' else _print_version(words)


def _run(words: Sequence[str]) -> int:
    line = parse(RUN, words)
    if line.help:
        print_line(line.help)
        return 0
    from vaurien.tcpgoon.command import run  # late: it imports what the help does without, and that takes long

    return run(line.settings, line.words)


def _serve(words: Sequence[str]) -> int:
    line = parse(SERVER, words)
    if line.help:
        print_line(line.help)
        return 0
    _expect_no_words(line.words)
    from vaurien.tcpgoon.server import serve

    return serve(line.settings)


def _print_version(words: Sequence[str]) -> int:
    _expect_no_words(words)
    print_line(f'tcpgoon {__version__}')
    return 0


def _expect_no_words(words: Sequence[str]) -> None:
    if words:
        raise ConfigError(f'unexpected argument {words[0]!r}, see tcpgoon --help')
