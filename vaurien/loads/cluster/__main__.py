"""``python -m vaurien.loads.cluster``: a worker, as `supervisor` starts it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from vaurien.address import Address
from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.output import make_printable, print_line
from vaurien.errors import VaurienError
from vaurien.loads.case import SERVER_URL
from vaurien.loads.cluster.seal import SECRET
from vaurien.loads.users.patching import prepare


def main(argv: Sequence[str] | None = None) -> int:
    """Serve one run, and return the exit status."""
    parser = argparse.ArgumentParser('agent')
    parser.add_argument('--broker', type=Address.parse)
    parser.add_argument('--name')
    parser.add_argument('--host')
    parser.add_argument('--directory', type=Path)
    parser.add_argument('--heartbeat-timeout', type=float)
    parser.add_argument('--log-format', default=log.TEXT)
    parser.add_argument('--no-patching', action='store_true')
    parser.add_argument('--quiet', action='store_true')
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started it
    secret = os.environ.pop(SECRET, '')  # the test must not see it, nor the next two
    for name in ('PYTHONSAFEPATH', SERVER_URL):
        os.environ.pop(name, None)
    del sys.argv[1:]
    prepare(no_patching=arguments.no_patching)
    log.set_up('error', '-', arguments.log_format)
    with in_background(log_format=arguments.log_format):
        return _serve(arguments, secret)


def _serve(arguments: argparse.Namespace, secret: str) -> int:
    import gevent

    from vaurien.loads.cluster.worker import Worker

    worker = Worker(
        arguments.name,
        arguments.host,
        arguments.directory,
        secret,
        arguments.heartbeat_timeout,
        no_patching=arguments.no_patching,
        quiet=arguments.quiet,
    )
    gevent.signal_handler(signal.SIGTERM, worker.leave, 'told to leave')
    try:
        worker.connect(arguments.broker)
    except (ConnectionError, VaurienError) as error:
        print_line(make_printable(f'{arguments.name}: no broker at {arguments.broker}: {error}'), sys.stderr)
        return 1
    worker.serve()
    return 0


if __name__ == '__main__':
    sys.exit(main())
