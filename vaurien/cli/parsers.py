"""The command lines of all commands, with all their sub-commands, for scripts of shells and for manual pages."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from importlib import import_module

from vaurien.cli.commands import COMMANDS


def _make_vaurien() -> ArgumentParser:
    from vaurien.cli.flags import make_parser  # late, as all below: whoever wants one parser wants no other

    parser = make_parser()
    commands = parser.add_subparsers(title='commands', metavar='COMMAND')
    for name, command in COMMANDS.items():
        _add(commands.add_parser, name, import_module(command.module).make_parser(), command.summary)
    return parser


def _make_tcpgoon() -> ArgumentParser:
    from vaurien.tcpgoon.flags import RUN, SERVER, make_parser

    parser = make_parser(RUN)
    # The words are those of `tcpgoon run`, which needs no name.
    parser._remove_action(next(action for action in parser._actions if action.dest == 'words'))
    commands = parser.add_subparsers(title='commands', metavar='COMMAND')
    _add(commands.add_parser, 'run', make_parser(RUN), 'test; the same without a command')
    _add(commands.add_parser, 'server', make_parser(SERVER), 'accept connections and hold them: a server to test')
    return parser


def _add(add: Callable[..., object], name: str, parser: ArgumentParser, summary: str) -> None:
    """Add a command line that stands for itself to those of a command."""
    texts = {'usage': parser.usage, 'description': parser.description, 'epilog': parser.epilog}
    add(name, parents=[parser], add_help=False, help=summary, **texts)


def _make(module: str) -> Callable[[], ArgumentParser]:
    def make() -> ArgumentParser:
        parser: ArgumentParser = import_module(module).make_parser()
        return parser

    return make


#: Makes the parser of each command.
PARSERS: Mapping[str, Callable[[], ArgumentParser]] = {
    'vaurien': _make_vaurien,
    'vaurienctl': _make('vaurien.cli.ctl.parser'),
    'conntest': _make('vaurien.conntest.flags'),
    'tcpgoon': _make_tcpgoon,
    'loads-runner': _make('vaurien.loads.cli.flags'),
    'loads-agent': _make('vaurien.loads.cli.agent'),
    'loads-broker': _make('vaurien.loads.cli.broker'),
}
