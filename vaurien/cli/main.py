"""The command ``vaurien``: its sub-commands, or patch the standard library and serve."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from vaurien.cli.commands import COMMANDS
from vaurien.console.asking import HELP, VERSION, read_help
from vaurien.console.command import run_command
from vaurien.console.interrupting import ending_at_once
from vaurien.console.patching import patch_standard_library

#: Flags after which nothing is served, whatever else is given: `parse` prints and ends, or refuses the line.
ASKING = frozenset({*HELP, *VERSION})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status.

    The name of a command can be nothing else: `vaurien` takes no words but flags and their values.
    """
    words = read_help(sys.argv[1:] if argv is None else argv)
    if words and words[0] in COMMANDS:
        # Late: a command wants the standard library as it is.
        with ending_at_once():
            command = import_module(COMMANDS[words[0]].module)
        return int(command.main(words[1:]))
    return run_command('vaurien', lambda: _patch_and_run(words))


def _patch_and_run(argv: Sequence[str]) -> int:
    """Patch before anything else is imported, so that ``time.sleep`` in a behavior of a user holds up no other link."""
    with no_collections(), ending_at_once():
        if ASKING.isdisjoint(argv):
            patch_standard_library()
        sys.path.append('')  # for a `callable` in the current directory; last, so that it shadows nothing
        from vaurien.cli.flags import parse

        arguments = parse(argv)
        from vaurien.cli.run import run  # late: it takes as long as the flags do
    return run(arguments)


@contextmanager
def no_collections() -> Iterator[None]:
    """Collect no garbage within the block. What importing makes stays, and looking through it takes 10 ms."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
