"""The command lines of ``tcpgoon`` and ``tcpgoon server``, as data; the parser and the help follow from it.

The help starts with that of the original, word for word, so it is not argparse's.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

import msgspec

from vaurien.console.parser import Parser, value_of
from vaurien.console.statuses import describe_statuses
from vaurien.tcpgoon.settings import ServerSettings, Settings

SettingsType = TypeVar('SettingsType', bound=msgspec.Struct)


class Flag(NamedTuple):
    """A flag: the name of its setting, a short name, the name of its value (empty for a switch), and its help."""

    name: str
    short: str
    kind: str
    text: str


@dataclass(frozen=True)
class Form(Generic[SettingsType]):
    """The command line of a command: its flags by group, the settings that they make, and the texts of its help."""

    name: str
    usage: str
    text: str
    settings: type[SettingsType]
    groups: Mapping[str, Sequence[Flag]]
    epilog: str

    @property
    def command(self) -> str:
        """The command as it is typed, without flags."""
        return ' '.join(dict.fromkeys(['tcpgoon', self.name]))


@dataclass(frozen=True)
class Line(Generic[SettingsType]):
    """What a command line says: settings, words that are no flags, and the help if that was asked for, else empty."""

    settings: SettingsType
    words: list[str]
    help: str


RUN = Form(
    'tcpgoon',
    '[flags] <host> <port>',
    'tcpgoon tests concurrent connections towards a server listening on a TCP port',
    Settings,
    {
        'Flags': (
            Flag('assume-yes', 'y', '', 'Force execution without asking for confirmation'),
            Flag('connections', 'c', 'int', 'Number of connections you want to open'),
            Flag('dial-timeout', 'd', 'int', 'Connection dialing timeout, in ms'),
            Flag('help', 'h', '', 'help for'),
            Flag('interval', 'i', 'int', 'Interval, in seconds, between stats updates'),
            Flag('sleep', 's', 'int', 'Time you want to sleep between connections, in ms'),
            Flag('verbose', 'v', '', 'Print debugging information to the standard error'),
        ),
        'Pace and limits': (
            Flag('rate', '', 'float', 'Connections to open per second, instead of --sleep'),
            Flag('hold', '', 'seconds', 'Keep all open so long after the last dial; one that gets closed has failed'),
        ),
        'Connections': (
            Flag('source', '', 'addresses', 'Dial from these in turn (ADDR,ADDR): each has local ports of its own'),
            Flag('tls', '', '', 'Make a TLS handshake, too'),
            Flag('cacert', '', 'file', 'Trust the certificates in this file, instead of those of the system'),
            Flag('insecure', '', '', 'Trust any certificate'),
            Flag('send', '', 'text', r'Text to send once connected; it may have the escapes \r \n \t \0 \\ and \xHH'),
            Flag('expect', '', 'text', 'Text of the server without which a connection is not established'),
        ),
        'Results': (
            Flag('log-format', '', 'format', 'How to print debugging information: text, or json'),
            Flag('json', '', '', 'Print the results as a JSON object, and the status to the standard error'),
            Flag('plot', '', 'file', 'Draw connections over time and response times (.png, .svg or .pdf)'),
        ),
        'Targets': (Flag('eureka', '', 'URL', 'Test every instance of <application> in this Eureka registry'),),
    },
    f"""\
Commands:
  run        Test; the same without a command
  server     Accept connections and hold them: a server to test
  version    Print the version, as -V does
  help       Print the help of a command

Examples:
  tcpgoon myhttpsamplehost.com 80 --connections 10 --sleep 999 -y
      ten connections, one a second
  tcpgoon -y -c 5000 --rate 1000 --hold 60 localhost 8000
      does a server, or a vaurien in front of it, keep 5000 connections for a minute?
  tcpgoon -y --send 'PING\\r\\n' --expect +PONG --json localhost 6379
      does the server also answer? With results as JSON
  tcpgoon -y --eureka http://localhost:8761/eureka ORDERS
      test every instance of an application

Times may have units: --sleep 50ms, --hold 1m30s, --interval 2s.

{describe_statuses('tcpgoon')}""",
)

SERVER = Form(
    'server',
    'server [flags]',
    'tcpgoon server accepts connections and holds them, to have a server to test',
    ServerSettings,
    {
        'Flags': (
            Flag('port', 'p', 'int', 'Port to listen on; 0 takes a free one'),
            Flag('maxconnections', 'm', 'int', 'Connections to accept in all, before it refuses more; 0 for no limit'),
            Flag('duration', 'd', 'int', 'Seconds to run; 0 for no limit'),
            Flag('host', '', 'address', 'Address to listen on; 0.0.0.0 lets other machines reach it'),
            Flag('help', 'h', '', 'help for'),
        ),
    },
    """\
Example:
  tcpgoon server -m 1000 -d 60

It ends when its time is over, or when all connections that it may accept have come and gone.""",
)


def parse(form: Form[SettingsType], argv: Sequence[str]) -> Line[SettingsType]:
    """Read a command line; raise `ConfigError`."""
    values = vars(make_parser(form).parse(argv, intermixed=True))
    words = values.pop('words', [])
    if values.pop('help', False):
        return Line(form.settings(), words, format_help(form))
    return Line(form.settings(**values), words, '')


def make_parser(form: Form[Any]) -> Parser:
    """Return the parser of a command line. Its help is `format_help`."""
    parser = Parser(
        prog=form.command,
        usage=f'tcpgoon {form.usage.removeprefix("tcpgoon ")}',
        description=form.text,
        epilog=form.epilog,
        add_help=False,
        argument_default=argparse.SUPPRESS,
    )
    types = get_type_hints(form.settings, include_extras=True)
    for title, flags in form.groups.items():
        group = parser.add_argument_group(title)
        for flag in flags:
            names = [f'-{flag.short}', f'--{flag.name}'] if flag.short else [f'--{flag.name}']
            if flag.kind:
                type_ = value_of(types[_field(flag)])
                group.add_argument(*names, type=type_, metavar=flag.kind, help=_describe(form, flag))
            else:
                group.add_argument(*names, action='store_true', help=_describe(form, flag))
    parser.add_argument('words', nargs='*')
    return parser


def format_help(form: Form[Any]) -> str:
    """Return the help, in the layout of the original."""
    parts = [form.text, f'Usage:\n  tcpgoon {form.usage.removeprefix("tcpgoon ")}']
    for title, flags in form.groups.items():
        heads = [f'-{flag.short}, ' if flag.short else '    ' for flag in flags]
        heads = [f'{head}--{flag.name} {flag.kind}'.rstrip() for head, flag in zip(heads, flags, strict=True)]
        width = max(map(len, heads))
        rows = [f'  {head:{width}}   {_describe(form, flag)}' for head, flag in zip(heads, flags, strict=True)]
        parts.append('\n'.join([f'{title}:', *rows]))
    return '\n\n'.join([*parts, form.epilog])


def _describe(form: Form[Any], flag: Flag) -> str:
    if flag.name == 'help':
        return f'{flag.text} {form.name}'
    default = getattr(form.settings(), _field(flag))
    return f'{flag.text} (default {default})' if default else flag.text


def _field(flag: Flag) -> str:
    return flag.name.replace('-', '_')
