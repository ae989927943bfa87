"""What the flags of ``loads-agent`` and ``loads-broker`` have in common."""

from __future__ import annotations

from vaurien.console.parser import Parser
from vaurien.loads.cluster.messages import SECRET


def make_service_parser(command: str, description: str, epilog: str) -> Parser:
    """A parser with ``--version`` and ``--secret``."""
    parser = Parser(prog=command, description=description, epilog=epilog, has_version=True)
    parser.add_argument(
        '--secret',
        metavar='TEXT',
        default='',
        help=f'what agents, broker and runner have to share; {SECRET} in the environment is safer',
    )
    return parser
