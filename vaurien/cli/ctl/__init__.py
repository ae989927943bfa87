"""The command ``vaurienctl``: ask and tell a running proxy."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from vaurien import __version__
from vaurien.address import Address
from vaurien.cli.output import fail, flush, say
from vaurien.cli.parser import STYLE, Parser
from vaurien.client import Client
from vaurien.errors import ConfigError, ControlError, OptionError, UnreachableError
from vaurien.faults import Fault
from vaurien.spec import format_spec, parse_spec

DESCRIPTION = 'Ask or tell a running vaurien, one that was started with --http.'

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

The exit status is 0 when done, 1 when there is no proxy to reach, 2 when it was asked for something it cannot do."""

SET_BEHAVIOR = """\
Arm NAME for every exchange from the next one on, or several behaviors by weight: 20:error,10:delay.
Options come after it, --OPTION VALUE, or --NAME-OPTION VALUE where there are several behaviors, or inside it:
"100:error(match='SET *', nth=1-2),20:delay". Without a VALUE an option is true. An option that is not given takes the
value that the proxy was configured with, else its default."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status: 0, 1 or 2, as above."""
    try:
        arguments, rest = make_parser().parse_known_args(argv)
        if rest and arguments.command is not set_behavior:
            raise ConfigError(f'unexpected argument {rest[0]!r}, see vaurienctl --help')
        arguments.options = rest
        arguments.command(Client(*_parse_host(arguments.host)), arguments)
    except UnreachableError as error:
        return fail('vaurienctl', error, 1)
    except (ConfigError, ControlError) as error:
        return fail('vaurienctl', error, 2)
    except KeyboardInterrupt:
        return 130
    finally:
        flush()
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The parser of everything but the options of behaviors, which are the proxy's to know."""
    parser = Parser(prog='vaurienctl', description=DESCRIPTION, epilog=EPILOG, **STYLE)
    parser.add_argument('--version', action='version', version=f'vaurienctl {__version__}')
    _add_host(parser, 'localhost:8080')
    subparsers = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    commands = {}
    for name, (command, text, description) in COMMANDS.items():
        commands[name] = subparsers.add_parser(name, help=text, description=description, **STYLE)
        commands[name].set_defaults(command=command)
        _add_host(commands[name], argparse.SUPPRESS)
    for name in ('status', 'faults'):
        commands[name].add_argument('--json', action='store_true', help='as it came, for programs')
    commands['set-backend'].add_argument('backend', metavar='HOST:PORT')
    commands['set-behavior'].add_argument('name', metavar='NAME', help='one behavior, or several with their percent')
    commands['set-behavior'].usage = 'vaurienctl set-behavior [--host HOST[:PORT]] NAME [--OPTION VALUE ...]'
    return parser


def _add_host(parser: argparse.ArgumentParser, default: str) -> None:
    text = 'the control API (default localhost:8080)'
    parser.add_argument('--host', metavar='HOST[:PORT]', default=default, help=text)


def list_behaviors(client: Client, arguments: argparse.Namespace) -> None:
    """Print the names, one a line."""
    say('\n'.join(client.list_behaviors()))


def get_behavior(client: Client, arguments: argparse.Namespace) -> None:
    """Print what is armed, as `set_behavior` takes it."""
    say(client.get_behavior())


def set_behavior(client: Client, arguments: argparse.Namespace) -> None:
    """Arm something else."""
    client.set_behavior(add_options(arguments.name, parse_options(arguments.options)))


def get_backend(client: Client, arguments: argparse.Namespace) -> None:
    """Print the backend."""
    say(client.get_backend())


def set_backend(client: Client, arguments: argparse.Namespace) -> None:
    """Change it."""
    client.set_backend(arguments.backend)


def show_status(client: Client, arguments: argparse.Namespace) -> None:
    """Print the status, for people or for programs."""
    status = client.status()
    say(msgspec.json.format(_spell(status), indent=2) if arguments.json else format_status(status))


def show_faults(client: Client, arguments: argparse.Namespace) -> None:
    """Print the last faults, for people or for programs."""
    faults = client.faults()
    if arguments.json:
        say(msgspec.json.format(_spell(faults), indent=2))
    elif faults:
        say('\n'.join(map(format_fault, faults)))


def clear_faults(client: Client, arguments: argparse.Namespace) -> None:
    """Forget them."""
    client.clear_faults()


#: Every command: what does it, its line in the help, its own help.
COMMANDS: dict[str, tuple[Callable[[Client, argparse.Namespace], None], str, str]] = {
    'list-behaviors': (list_behaviors, 'name every behavior there is', 'Name every behavior there is, one a line.'),
    'get-behavior': (get_behavior, 'tell what is armed', 'Tell what is armed, as set-behavior takes it.'),
    'set-behavior': (set_behavior, 'arm something else', SET_BEHAVIOR),
    'status': (show_status, 'tell everything about the proxy', 'Tell settings, what is armed, and what happened.'),
    'faults': (show_faults, 'tell what was hit', 'Tell the last faults, one a line, the oldest first.'),
    'clear-faults': (clear_faults, 'forget what was hit', 'Have the proxy forget the faults that were until now.'),
    'get-backend': (get_backend, 'tell what is behind the proxy', 'Tell the address behind the proxy.'),
    'set-backend': (set_backend, 'put another backend behind it', 'Send exchanges elsewhere from the next one on.'),
}


def format_status(status: Mapping[str, Any]) -> str:
    """One aligned line for each thing that there is to know."""
    lines = dict(_flatten('', status))
    width = max(map(len, lines))
    return '\n'.join(f'{name:{width}}  {text}' for name, text in lines.items())


def format_fault(fault: Fault) -> str:
    """One fault on a line, like in the log of the proxy."""
    when = datetime.fromtimestamp(fault.time).isoformat(' ', 'milliseconds')
    return f'{when} link {fault.link} exchange {fault.exchange}: {fault.behavior} on {fault.request}'


def parse_options(words: Sequence[str]) -> dict[str, str]:
    """Read ``--sleep 2 --before=false --inject``; raises `OptionError`."""
    options: dict[str, str] = {}
    rest = list(words)
    while rest:
        flag, equals, value = rest.pop(0).partition('=')
        name = flag.removeprefix('--')
        if not name or name == flag:
            raise OptionError(f'unexpected argument {flag!r}: options look like --sleep 2')
        if not equals:
            value = rest.pop(0) if rest and not rest[0].startswith('--') else 'true'
        options[name] = value
    return options


def add_options(spec: str, options: Mapping[str, str]) -> str:
    """*spec* with options of its only behavior, or, by ``NAME-OPTION``, of several; raises `OptionError`."""
    items = parse_spec(spec)
    alone = items[0].name if len(items) == 1 else ''
    added: dict[str, dict[str, str]] = {item.name: {} for item in items}
    for flag, value in options.items():
        name = max((name for name in added if flag.startswith(f'{name}-')), key=len, default=alone)
        if not name:
            raise OptionError(f'--{flag} is of none of {", ".join(added)}: write --{items[0].name}-OPTION VALUE')
        added[name][flag.removeprefix(f'{name}-')] = value
    return format_spec(item._replace(options={**item.options, **added[item.name]}) for item in items)


def _spell(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _parse_host(text: str) -> Address:
    """``host``, ``host:port`` or ``[v6]``, with 8080 for no port."""
    return Address.parse(f'{text}:8080' if ':' not in text or text.endswith(']') else text)


def _flatten(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, list):
        return [(f'{prefix}.{entry["name"]}', _format_entry(entry)) for entry in value]
    if isinstance(value, dict):
        inner = [line for key, item in value.items() for line in _flatten(f'{prefix}.{key}'.lstrip('.'), item)]
        return inner or [(prefix, 'none')]
    if value is None:
        return [(prefix, 'none')]
    return [(prefix, value if isinstance(value, str) else _spell(value))]


def _format_entry(entry: Mapping[str, Any]) -> str:
    given = [f'{name} {_spell(value)}' for name, value in entry['options'].items() if value is not None]
    return ', '.join([f'{entry["percent"]:g}%', *given, f'matched {entry["matched"]}', f'hits {entry["hits"]}'])
