"""The command ``conntest``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

from vaurien.conntest.flags import parse
from vaurien.console.command import run_command
from vaurien.console.interrupting import ending_at_once
from vaurien.console.patching import patch_standard_library

#: The module whose ``command`` does what was asked.
COMMANDS = {'server': 'server', 'client': 'run', 'run': 'run', 'plot': 'plot', 'summary': 'summary'}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status."""
    return run_command('conntest', lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(argv: Sequence[str]) -> int:
    given = parse(argv)
    with ending_at_once():
        patch_standard_library()  # before HTTP libraries are imported, which would block the event loop
        module = import_module(f'vaurien.conntest.{COMMANDS[given.command]}')
    gc.freeze()  # a collection that walks all modules would hold up every run for some ten milliseconds
    return int(module.command(given))
