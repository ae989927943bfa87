"""What the flags of ``loads-agent`` and ``loads-broker`` have in common."""

from __future__ import annotations

from argparse import ArgumentTypeError

from vaurien.console.parser import Parser
from vaurien.errors import OptionError
from vaurien.loads.cluster.heartbeats import TIMEOUT
from vaurien.loads.settings import SETTINGS, read_value


def make_service_parser(command: str, description: str, epilog: str) -> Parser:
    """Return a parser with ``--version``, ``--secret`` and ``--heartbeat-timeout``."""
    parser = Parser(prog=command, description=description, epilog=epilog, has_version=True)
    parser.add_argument('--secret', metavar='TEXT', default='', help=SETTINGS['secret'].help)
    parser.add_argument(
        '--heartbeat-timeout',
        metavar='SECONDS',
        type=_read_timeout,
        default=TIMEOUT,
        help=f'{SETTINGS["heartbeat_timeout"].help} (%(default)g)',
    )
    return parser


def _read_timeout(text: str) -> float:
    try:
        return float(read_value('heartbeat_timeout', text, text=True))
    except OptionError as error:
        raise ArgumentTypeError(str(error)) from None
