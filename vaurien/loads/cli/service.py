"""What the flags of ``loads-agent`` and ``loads-broker`` have in common."""

from __future__ import annotations

import argparse

from vaurien import __version__
from vaurien.console.parser import STYLE
from vaurien.loads.cli.flags import Parser
from vaurien.loads.cluster.messages import SECRET


def make_service_parser(command: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser with ``--version`` and ``--secret``."""
    parser = Parser(
        prog=command,
        description=description,
        epilog=epilog,
        **STYLE,
    )
    parser.add_argument('--version', action='version', version=f'{command} {__version__}')
    parser.add_argument(
        '--secret',
        metavar='TEXT',
        default='',
        help=f'what agents, broker and runner have to share; {SECRET} in the environment is safer',
    )
    return parser
