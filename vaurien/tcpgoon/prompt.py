"""The question before a test."""

from __future__ import annotations

import select
import sys
from collections.abc import Sequence
from typing import TextIO

from vaurien.address import Address
from vaurien.console.output import make_printable, print_line

WIDTH = 69
#: Seconds between two looks for Ctrl-C: the system call that waits for a line may begin right after the signal.
GLANCE = 0.2
ANSWERS = {'y': True, 'yes': True, 'n': False, 'no': False, '': False}


def confirm(targets: Sequence[Address], connections: int, stream: TextIO) -> bool:
    """Print what is about to be done, and ask whether to go on; return whether the answer is yes."""
    print_line(format_warning(targets, connections), stream)
    try:
        return _ask(stream)
    except KeyboardInterrupt:
        print_line('', stream)  # the shell's prompt is to be on a line of its own
        raise


def _ask(stream: TextIO) -> bool:
    answer = None
    while answer is None:
        print_line('Do you want to continue? (y/N): ', stream, end='')
        line = _read_line(sys.stdin) if sys.stdin else ''
        if not line:
            print_line('\n\n*** Not started: the input ended without an answer (-y goes on without asking) ***', stream)
            return False
        answer = ANSWERS.get(line.strip().lower())
        if answer is None:
            print_line('\nPlease answer yes or no', stream)
    if not answer:
        print_line('\n*** Not started, as you said ***', stream)
    return answer


def _read_line(stream: TextIO) -> str:
    """Read a line. On a terminal, look now and then for a Ctrl-C that came when reading was just about to begin."""
    while stream.isatty() and not select.select([stream], [], [], GLANCE)[0]:
        pass
    return stream.readline()


def format_warning(targets: Sequence[Address], connections: int) -> str:
    """Return the warning: which servers get how many connections."""
    return '\n'.join(
        [
            ' WARNING '.center(WIDTH, '*'),
            '* This puts load on a server that may not bear it:',
            *(f'*\t- Host: {make_printable(target.host)}\n*\t- TCP Port: {target.port}' for target in targets),
            f'*\t- # of concurrent connections: {connections}',
            '*' * WIDTH,
        ]
    )
