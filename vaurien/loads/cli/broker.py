"""The command ``loads-broker``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from vaurien import __version__
from vaurien.address import Address
from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.command import run_command
from vaurien.console.interrupting import ending_at_once
from vaurien.console.output import print_line
from vaurien.console.parser import Parser
from vaurien.console.signals import on_signals_in_loop
from vaurien.console.statuses import describe_statuses
from vaurien.loads.cli.service import make_service_parser, read_service
from vaurien.loads.cluster.endpoint import DEFAULT_BROKER
from vaurien.loads.users.patching import prepare

DESCRIPTION = """\
Keep agents ready between runs of loads-runner: agents connect here and wait.
There is one run at a time. A runner can leave its run (--detach) and come back (--attach)."""

EPILOG = f"""\
examples:
  loads-broker
      serve agents and runners on this machine
  LOADS_SECRET=... loads-broker --bind 0.0.0.0:5557
      serve other machines, too; all of them share a secret

  loads-agent --broker HOST:5557                                   start an agent
  loads-runner --ping-broker --broker HOST:5557                    print its agents
  loads-runner example.TestWebSite.test_es --agents 5 --broker HOST:5557

{describe_statuses('loads-broker')}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status."""
    return run_command('loads-broker', lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    arguments, address, secret = read_service(make_parser(), argv, 'bind')
    with ending_at_once():
        prepare()
    del sys.argv[1:]  # Locust's web page would read it
    serve(address, secret, arguments.heartbeat_timeout, arguments.log_format)
    return 0


def make_parser() -> Parser:
    """Return the parser of the flags."""
    parser = make_service_parser('loads-broker', DESCRIPTION, EPILOG)
    parser.add_argument(
        '--bind', metavar='HOST:PORT', default=str(DEFAULT_BROKER), help='address to listen on (%(default)s)'
    )
    return parser


def serve(address: Address, secret: str, heartbeat_timeout: float, log_format: log.LogFormat) -> None:
    """Serve until SIGINT or SIGTERM. Raises `StartError` if it cannot listen."""
    from gevent.event import Event

    from vaurien.loads.cluster.broker import Broker

    log.set_up('info', '-', log_format)
    logging.getLogger('locust').setLevel('WARNING')  # it logs connections, not names of agents
    ended = Event()
    with in_background(log_format=log_format), on_signals_in_loop(ended.set):
        broker = Broker(address, secret, heartbeat_timeout)
        here = Address(address.host, broker.port)
        print_line(f'loads-broker {__version__}: {here}, Ctrl-C ends', sys.stderr)
        ended.wait()
        broker.stop()
