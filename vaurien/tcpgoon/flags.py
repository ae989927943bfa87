"""What can be written after ``tcpgoon``, as data; the checks and the help follow from it.

The help is that of the original, up to and with its flags: hence not argparse's.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

import msgspec

from vaurien.console.parser import Parser
from vaurien.errors import OptionError
from vaurien.plugins.options import convert
from vaurien.tcpgoon.settings import ServerSettings, Settings

SettingsType = TypeVar('SettingsType', bound=msgspec.Struct)


class Flag(NamedTuple):
    """One flag. *name* is the setting's; *kind* is what its value is called, empty where it takes none."""

    name: str
    short: str
    kind: str
    text: str


@dataclass(frozen=True)
class Form(Generic[SettingsType]):
    """What a command takes: its flags by group, and what they fill; *usage* and *text* are shown in its help."""

    name: str
    usage: str
    text: str
    settings: type[SettingsType]
    groups: Mapping[str, Sequence[Flag]]
    epilog: str

    @property
    def command(self) -> str:
        """As it is typed, without flags."""
        return ' '.join(dict.fromkeys(['tcpgoon', self.name]))


@dataclass(frozen=True)
class Line(Generic[SettingsType]):
    """What was asked for. *help* is the help if that was it, else empty."""

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
        'Pace and patience': (
            Flag('rate', '', 'float', 'Connections to open per second, instead of --sleep'),
            Flag('hold', '', 'seconds', 'Keep them open for so long after the last dial; one that dies is a failure'),
        ),
        'Connections': (
            Flag('source', '', 'addresses', 'Dial from these, in turn: each has local ports of its own (ADDR,ADDR)'),
            Flag('tls', '', '', 'Shake hands in TLS, too'),
            Flag('cacert', '', 'file', 'Trust the certificates in it, instead of the usual ones'),
            Flag('insecure', '', '', 'Trust any certificate'),
            Flag('send', '', 'text', r'Send it once connected; \r \n \t \0 \\ and \xHH are what they mean'),
            Flag('expect', '', 'text', 'Established only once the server has said it'),
        ),
        'Results': (
            Flag('json', '', '', 'Write one object to the standard output; the status goes to the standard error'),
            Flag('plot', '', 'file', 'Draw connections over time and connect times (.png, .svg or .pdf)'),
        ),
        'Targets': (
            Flag('eureka', '', 'URL', 'Test each instance of <application> that this registry has, instead of one'),
        ),
    },
    """\
Commands:
  run        The same as none
  server     Accept connections and hold them, to have something to test
  version    Print the version

Examples:
  tcpgoon myhttpsamplehost.com 80 --connections 10 --sleep 999 -y
      ten connections, one a second
  tcpgoon -y -c 5000 --rate 1000 --hold 60 localhost 8000
      does a server, or a vaurien in front of it, keep 5000 connections for a minute?
  tcpgoon -y --send 'PING\\r\\n' --expect +PONG --json localhost 6379
      are they served, too? As data
  tcpgoon -y --eureka http://localhost:8761/eureka ORDERS
      every instance of an application

Exit status: 0 if all were established (and, with --hold, stayed so), 2 if all were dialed and some failed,
1 if it was interrupted, refused at the prompt, or asked for what cannot be done.""",
)

SERVER = Form(
    'server',
    'server [flags]',
    'tcpgoon server accepts connections and holds them: something to test',
    ServerSettings,
    {
        'Flags': (
            Flag('port', 'p', 'int', 'Port to listen on; 0 takes a free one'),
            Flag('maxconnections', 'm', 'int', 'Connections to accept in all, then refuse; 0 for no limit'),
            Flag('duration', 'd', 'int', 'Seconds to run; 0 for no limit'),
            Flag('host', '', 'address', 'Address to listen on; 0.0.0.0 for other machines to reach it'),
            Flag('help', 'h', '', 'help for'),
        ),
    },
    """\
Example:
  tcpgoon server -m 1000 -d 60

It ends when the time is over, or when it has accepted all that it may and they have left.
Exit status: 0, or 1 if it cannot listen.""",
)


def parse(form: Form[SettingsType], argv: Sequence[str]) -> Line[SettingsType]:
    """Read *argv*; raises `ConfigError`."""
    parser = Parser(prog=form.command, add_help=False, argument_default=argparse.SUPPRESS)
    for flag in (flag for group in form.groups.values() for flag in group):
        names = [f'-{flag.short}', f'--{flag.name}'] if flag.short else [f'--{flag.name}']
        parser.add_argument(*names, dest=flag.name, action='store' if flag.kind else 'store_true')
    parser.add_argument('words', nargs='*')
    values = vars(parser.parse(argv, intermixed=True))
    words = values.pop('words', [])
    if values.pop('help', False):
        return Line(form.settings(), words, format_help(form))
    return Line(form.settings(**_convert(form.settings, values)), words, '')


def format_help(form: Form[Any]) -> str:
    """The help, as the original lays it out."""
    parts = [form.text, f'Usage:\n  tcpgoon {form.usage.removeprefix("tcpgoon ")}']
    for title, flags in form.groups.items():
        heads = [f'-{flag.short}, ' if flag.short else '    ' for flag in flags]
        heads = [f'{head}--{flag.name} {flag.kind}'.rstrip() for head, flag in zip(heads, flags, strict=True)]
        width = max(map(len, heads))
        rows = [f'  {head:{width}}   {_describe(form, flag)}' for head, flag in zip(heads, flags, strict=True)]
        parts.append('\n'.join([f'{title}:', *(row.replace('\n', '\n' + ' ' * (width + 5)) for row in rows)]))
    return '\n\n'.join([*parts, form.epilog])


def _describe(form: Form[Any], flag: Flag) -> str:
    if flag.name == 'help':
        return f'{flag.text} {form.name}'
    default = getattr(form.settings(), flag.name.replace('-', '_'))
    return f'{flag.text} (default {default})' if default else flag.text


def _convert(settings: type[msgspec.Struct], given: Mapping[str, Any]) -> dict[str, Any]:
    types = get_type_hints(settings, include_extras=True)
    values = {}
    for name, value in given.items():
        field = name.replace('-', '_')
        try:
            values[field] = convert(value, types[field], text=True)
        except OptionError as error:
            raise error.within(f'--{name}') from None
    return values
