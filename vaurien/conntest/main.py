"""The command ``conntest``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

from vaurien.conntest.flags import parse
from vaurien.console.output import fail, flush
from vaurien.errors import ConfigError, RemoteError, StartError

#: The module whose ``command`` does what was asked.
COMMANDS = {'server': 'server', 'client': 'run', 'run': 'run', 'plot': 'plot', 'summary': 'summary'}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status.

    Patches the standard library before it imports what does the work: HTTP libraries that would block.
    """
    try:
        given = parse(sys.argv[1:] if argv is None else argv)
        from vaurien.console.patching import patch_standard_library

        patch_standard_library()
        module = import_module(f'vaurien.conntest.{COMMANDS[given.command]}')
        gc.freeze()  # a collection that walks all modules would hold up every run for some ten milliseconds
        return int(module.command(given))
    except (ConfigError, RemoteError, StartError) as error:
        return fail('conntest', error, 2)
    except KeyboardInterrupt:  # before there is anything to end in order
        return 130
    finally:
        flush()
