"""The command ``tcpgoon`` and its sub-commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vaurien import __version__
from vaurien.console.asking import VERSION, read_help
from vaurien.console.command import run_command
from vaurien.console.interrupting import ending_at_once
from vaurien.console.output import print_line
from vaurien.errors import ConfigError
from vaurien.plugins.options import find_nearest
from vaurien.tcpgoon.flags import RUN, SERVER, parse

COMMANDS = ('run', 'server', 'version', *VERSION)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status."""
    words = read_help(sys.argv[1:] if argv is None else argv)
    return run_command('tcpgoon', lambda: _dispatch(words))


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
    near = find_nearest(line.words[0], COMMANDS) if len(line.words) == 1 and line.settings.eureka is None else ''
    if near:
        raise ConfigError(f'unknown command {line.words[0]!r}, did you mean {near!r}?')
    with ending_at_once():
        from vaurien.tcpgoon.command import run  # late: it imports what the help does without, and that takes long

    return run(line.settings, line.words)


def _serve(words: Sequence[str]) -> int:
    line = parse(SERVER, words)
    if line.help:
        print_line(line.help)
        return 0
    _expect_no_words(line.words)
    with ending_at_once():
        from vaurien.tcpgoon.server import serve

    return serve(line.settings)


def _print_version(words: Sequence[str]) -> int:
    _expect_no_words(words)
    print_line(f'tcpgoon {__version__}')
    return 0


def _expect_no_words(words: Sequence[str]) -> None:
    if words:
        raise ConfigError(f'unexpected argument {words[0]!r}, see tcpgoon --help')
