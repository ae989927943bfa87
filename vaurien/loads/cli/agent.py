"""The command ``loads-agent``."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

from vaurien.console.background import in_background
from vaurien.console.command import run_command
from vaurien.console.interrupting import ending_at_once
from vaurien.console.output import print_line
from vaurien.console.parser import Parser
from vaurien.console.signals import on_signals
from vaurien.console.statuses import describe_statuses
from vaurien.loads.cli.service import make_service_parser, read_service
from vaurien.loads.cluster.endpoint import DEFAULT_BROKER
from vaurien.loads.users.patching import check_engine

DESCRIPTION = """\
Wait for runs of loads-runner and carry them out: an agent has the users of a run.
It connects to a broker, or to a runner that waits for agents, and runs the code that these send."""

EPILOG = f"""\
examples:
  loads-agent
      serve a loads-broker, or a loads-runner --broker localhost:5557, on this machine
  LOADS_SECRET=... loads-agent --broker 192.0.2.7:5557 --name alpha
      serve one on another machine; all of them share a secret

Each run has a process and a folder of its own, and leaves nothing behind. Ctrl-C ends the agent.

{describe_statuses('loads-agent')}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status."""
    return run_command('loads-agent', lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    arguments, address, secret = read_service(make_parser(), argv, 'broker')
    check_engine()
    with ending_at_once():
        from vaurien.loads.cluster.supervisor import Master, Supervisor

    master = Master(address, secret, arguments.heartbeat_timeout, arguments.no_patching, arguments.log_format)
    supervisor = Supervisor(master, arguments.name)
    with in_background(), on_signals(supervisor.end):
        print_line(f'{arguments.name}: for the broker at {address}, Ctrl-C ends', sys.stderr)
        supervisor.run()
    return 0


def make_parser() -> Parser:
    """Return the parser of the flags."""
    parser = make_service_parser('loads-agent', DESCRIPTION, EPILOG)
    parser.add_argument(
        '--broker',
        metavar='HOST:PORT',
        default=str(DEFAULT_BROKER),
        help='broker to connect to (%(default)s)',
    )
    parser.add_argument(
        '--name',
        default=f'{socket.gethostname()}-{os.getpid()}',
        help='name of this agent (default: HOST-PID)',
    )
    parser.add_argument('--no-patching', action='store_true', help='serve runs of loads-runner --no-patching')
    return parser
