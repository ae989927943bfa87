"""The command line of ``vaurienctl``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from vaurien.cli.ctl import authority, behaviors, faults, held, journal, links, proxies, schedule, status, toxics
from vaurien.cli.ctl.command import Command
from vaurien.cli.ctl.top import command as top
from vaurien.console.parser import Parser
from vaurien.console.statuses import describe_statuses
from vaurien.errors import ConfigError
from vaurien.settings import SERVER_PORT
from vaurien.web.call import DEFAULT_HOST, DEFAULT_PORT, TOKENS, URL, find_token, find_url

DESCRIPTION = 'Control a running vaurien that was started with --http or --server.'

EPILOG = f"""\
examples:
  vaurienctl status
      the settings of the proxy, what is armed, and what happened so far
  vaurienctl set-behavior delay --sleep 2
      from now on every exchange is two seconds late
  vaurienctl set-behavior 20:error,10:delay --error-inject true --delay-sleep 0.5
      by weight, in percent; all other exchanges pass untouched
  vaurienctl set-behavior dummy
      no more faults
  vaurienctl --host staging:8080 set-backend localhost:6380
      another backend for a proxy on another machine
  vaurienctl --host localhost:{SERVER_PORT} proxy create cache --upstream localhost:6379 --protocol redis
      one more proxy for a vaurien --server
  vaurienctl --host localhost:{SERVER_PORT} toxic add cache "latency(latency=200, jitter=50)@downstream"
      every reply through this proxy is late
  vaurienctl --host localhost:{SERVER_PORT} --proxy cache set-behavior error --match "SET *"
      if there are several proxies, a command about one of them needs its name

environment:
  VAURIEN_URL    the control API, unless --host is given: http://localhost:{SERVER_PORT}
  VAURIEN_TOKEN  the token, unless --token is given; without it, TOXIPROXY_AUTH_TOKEN is the token

In a terminal, lists are tables; elsewhere each row is a line with tabs, behind one with the headings.
vaurienctl help COMMAND says more.

{describe_statuses('vaurienctl')}"""

#: The first words of commands with two words: a line for the list of commands, and the description in their help.
GROUPS = {
    'held': (
        'list what is held: pass it, answer with an error, or cut its link',
        'Decide about requests that the behavior hold holds.',
    ),
    'proxy': ('list, create, delete, enable, disable or inspect proxies', 'Manage the proxies of the process.'),
    'schedule': ('run, stop or show a schedule, or mark a moment', 'Run faults that come and go over time.'),
    'toxic': ('add, update or remove toxics', 'Manage the toxics on the streams of a proxy. proxy inspect lists them.'),
}

#: All commands, in the order of the help.
COMMANDS: tuple[Command, ...] = (
    *behaviors.COMMANDS,
    *status.COMMANDS,
    *top.COMMANDS,
    *faults.COMMANDS,
    *journal.COMMANDS,
    *links.COMMANDS,
    *held.COMMANDS,
    *proxies.COMMANDS,
    *toxics.COMMANDS,
    *schedule.COMMANDS,
    *authority.COMMANDS,
)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line gives: ``command``, what is common to all commands, and what the command takes.

    Raise `ConfigError`, and `SystemExit` after ``--help``.
    """
    arguments = make_parser().parse(argv)
    command: Command = arguments.command
    if arguments.proxy is not None and not command.of_proxy:
        raise ConfigError(f'unexpected argument --proxy, see vaurienctl {command.name} --help')
    return arguments


def make_parser() -> Parser:
    """Return the parser of everything but the options of behaviors and toxics, which only the proxy knows."""
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
    """Add the flags that may be before a command or after it. Those before it have the *defaults*."""
    group = parser.add_argument_group('common to all commands')
    flags: dict[str, dict[str, Any]] = {
        '--host': {
            'metavar': 'HOST[:PORT]',
            'default': find_url(),
            'help': (
                f'the control API (default {URL}, or {DEFAULT_HOST}:{DEFAULT_PORT}; '
                f'--server is on localhost:{SERVER_PORT})'
            ),
        },
        '--token': {
            'default': find_token(),
            'help': f'the --api-token of the server (default {TOKENS[0]}, which lists of processes do not show)',
        },
        '--json': {'action': 'store_true', 'default': False, 'help': 'print the JSON of the answer, for programs'},
    }
    if of_proxy:
        text = 'the proxy that the command is about, if there are several'
        flags['--proxy'] = {'metavar': 'NAME', 'default': None, 'help': text}
    for flag, how in flags.items():
        group.add_argument(flag, **(how if defaults else {**how, 'default': argparse.SUPPRESS}))
