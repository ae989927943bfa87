"""Start the process of a worker: ``python -m vaurien.workers``, with the descriptors of its two sockets."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from vaurien.console.command import run_command
from vaurien.console.patching import patch_standard_library


def main(argv: Sequence[str]) -> int:
    """Serve until the parent has gone, and return the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # a service manager sends them to every process of a service
        signal.signal(number, signal.SIG_IGN)
    return run_command('vaurien', lambda: _patch_and_serve(*map(int, argv)))


def _patch_and_serve(messages: int, clients: int) -> int:
    """Patch before anything else is imported, and look for plug-ins as `vaurien.cli.main` does."""
    patch_standard_library()
    sys.path.append('')
    from vaurien.workers.process import serve

    return serve(messages, clients)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
