"""What the flags of ``loads-agent`` and ``loads-broker`` have in common."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence

from vaurien.address import Address
from vaurien.console.parser import Parser, add_log_format
from vaurien.errors import OptionError
from vaurien.loads.cluster.heartbeats import TIMEOUT
from vaurien.loads.cluster.seal import SECRET, demand_secret
from vaurien.loads.settings import SETTINGS, read_value


def make_service_parser(command: str, description: str, epilog: str) -> Parser:
    """Return a parser with ``--version``, ``--secret``, ``--heartbeat-timeout`` and ``--log-format``."""
    parser = Parser(prog=command, description=description, epilog=epilog, has_version=True)
    parser.add_argument('--secret', metavar='TEXT', default='', help=SETTINGS['secret'].help)
    parser.add_argument(
        '--heartbeat-timeout',
        metavar='DURATION',
        type=_read_timeout,
        default=TIMEOUT,
        help=f'{SETTINGS["heartbeat_timeout"].help} (%(default)g)',
    )
    add_log_format(parser)
    return parser


def read_service(parser: Parser, argv: Sequence[str] | None, flag: str) -> tuple[Namespace, Address, str]:
    """Return what the command line gives, the address of the *flag*, and the secret; raise `ConfigError`."""
    arguments = parser.parse(argv)
    address = Address.parse(getattr(arguments, flag))
    secret = arguments.secret or os.environ.get(SECRET, '')
    demand_secret(address, secret, what=f'--{flag}')
    return arguments, address, secret


def _read_timeout(text: str) -> float:
    try:
        return float(read_value('heartbeat_timeout', text, text=True))
    except OptionError as error:
        raise ArgumentTypeError(str(error)) from None
