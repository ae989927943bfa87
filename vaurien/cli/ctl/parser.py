"""The command line of ``vaurienctl``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from vaurien.address import Address
from vaurien.cli.ctl import behaviors, faults, links, proxies, status, toxics
from vaurien.cli.ctl.command import Command
from vaurien.console.parser import Parser
from vaurien.errors import AddressError, ConfigError

DESCRIPTION = 'Ask or tell a running vaurien, one that was started with --http or --server.'

EPILOG = """\
examples:
  vaurienctl status
      what it proxies, what is armed, what happened so far
  vaurienctl set-behavior delay --sleep 2
      from now on every exchange is two seconds late
  vaurienctl set-behavior 20:error,10:delay --error-inject true --delay-sleep 0.5
      by weight, in percent; what is missing to 100 passes untouched
  vaurienctl set-behavior dummy
      all well again
  vaurienctl --host staging:8080 set-backend localhost:6380
      another backend, for a proxy elsewhere
  vaurienctl --host localhost:8474 proxy create cache --upstream localhost:6379 --protocol redis
      one more proxy, for a vaurien --server
  vaurienctl --host localhost:8474 toxic add cache "latency(latency=200, jitter=50)@downstream"
      every reply through it is late
  vaurienctl --host localhost:8474 --proxy cache set-behavior error --match "SET *"
      with several proxies, those commands that are about one need its name

environment:
  VAURIEN_URL    the control API, where there is no --host: http://localhost:8474
  VAURIEN_TOKEN  the token, where there is no --token

Tables are for terminals: elsewhere there is a line for each row, with tabs. vaurienctl COMMAND --help has more.
The exit status is 0 when done, 1 when there is no proxy to reach, 2 when it was asked for something it cannot do."""

#: The first words of commands of two: a line for the list, and their own help.
GROUPS = {
    'proxy': ('list, create, delete, enable, disable or inspect proxies', 'The proxies of the process.'),
    'toxic': ('add, update or remove toxics', 'What is on the streams of a proxy; proxy inspect tells it.'),
}

#: In the order of the help.
COMMANDS: tuple[Command, ...] = (
    *behaviors.COMMANDS,
    *status.COMMANDS,
    *faults.COMMANDS,
    *links.COMMANDS,
    *proxies.COMMANDS,
    *toxics.COMMANDS,
)

DEFAULT_HOST = 'localhost:8080'
DEFAULT_PORT = 8080


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for: ``command``, what is common to all, and what the command takes.

    Raises `ConfigError`, and `SystemExit` after ``--help``.
    """
    arguments = make_parser().parse(argv)
    command: Command = arguments.command
    if arguments.proxy is not None and not command.of_proxy:
        raise ConfigError(f'unexpected argument --proxy, see vaurienctl {command.name} --help')
    return arguments


def make_parser() -> Parser:
    """The parser of everything but options of behaviors and toxics, which are the proxy's to know."""
    parser = Parser(prog='vaurienctl', description=DESCRIPTION, epilog=EPILOG, has_version=True)
    _add_common(parser, of_proxy=True, defaults=True)
    rooms = {'': parser.add_subparsers(title='commands', metavar='COMMAND', required=True)}
    for command in COMMANDS:
        group, _, name = command.name.rpartition(' ')
        if group not in rooms:
            summary, description = GROUPS[group]
            room = rooms[''].add_parser(group, help=summary, description=description)
            rooms[group] = room.add_subparsers(title='commands', metavar='COMMAND', required=True)
        _fill(rooms[group].add_parser(name, help=command.summary), command)
    return parser


def _fill(parser: Parser, command: Command) -> None:
    parser.description = command.description
    parser.epilog = f'examples:\n{command.examples}'
    parser.set_defaults(command=command)
    for names, how in command.arguments:
        parser.add_argument(*names, **how)
    _add_common(parser, of_proxy=command.of_proxy, defaults=False)
    if command.option:
        parser.rest = 'options'
        parser.usage = f'{parser.format_usage().removeprefix("usage: ").rstrip()} [--{command.option} VALUE ...]'


def _add_common(parser: argparse.ArgumentParser, *, of_proxy: bool, defaults: bool) -> None:
    """What may stand before a command and after it: *defaults* are those of the first place."""
    group = parser.add_argument_group('common to all commands')
    flags: dict[str, dict[str, Any]] = {
        '--host': {
            'metavar': 'HOST[:PORT]',
            'default': os.environ.get('VAURIEN_URL') or DEFAULT_HOST,
            'help': f'the control API (default VAURIEN_URL, or {DEFAULT_HOST}; --server is on localhost:8474)',
        },
        '--token': {
            'default': os.environ.get('VAURIEN_TOKEN') or None,
            'help': 'what its --api-token wants to hear (default VAURIEN_TOKEN, which no list of processes shows)',
        },
        '--json': {'action': 'store_true', 'default': False, 'help': 'as it came, for programs'},
    }
    if of_proxy:
        text = 'the one that it is about, where there are several'
        flags['--proxy'] = {'metavar': 'NAME', 'default': None, 'help': text}
    for flag, how in flags.items():
        group.add_argument(flag, **(how if defaults else {**how, 'default': argparse.SUPPRESS}))


def parse_host(text: str) -> Address:
    """``host``, ``host:port``, ``[v6]`` or ``http://host:port``; without a port `DEFAULT_PORT`.

    Raises `AddressError`.
    """
    place = text.removeprefix('http://').rstrip('/')
    if '/' in place:
        raise AddressError(f'{text!r} is no control API: expected http://HOST:PORT')
    return Address.parse(f'{place}:{DEFAULT_PORT}' if ':' not in place or place.endswith(']') else place)
