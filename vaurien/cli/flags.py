"""The flags of ``vaurien``: those of the settings, and one for every option of every behavior and protocol."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from vaurien import native
from vaurien.cli.commands import COMMANDS, describe_commands
from vaurien.cli.groups import GROUPS
from vaurien.config.build import build, locate
from vaurien.config.keys import CLASSIC, REGISTRIES, SETTINGS
from vaurien.config.source import STATSD, Sections, Source, make_source, read, register
from vaurien.console.parser import Parser
from vaurien.console.statuses import describe_statuses
from vaurien.errors import ConfigError, PluginError
from vaurien.plugins.options import Configurable
from vaurien.plugins.units import find_unit
from vaurien.settings import Settings

USAGE = """\
vaurien [--proxy HOST:PORT] [--backend HOST:PORT] [--protocol NAME] [--behavior PERCENT:NAME,...] [flags]
       vaurien explore --vaurien PROTOCOL:VARIABLE [flags] -- COMMAND [ARGUMENT ...]
       vaurien report [flags] DIR ...
       vaurien check [flags] FILE ...
       vaurien schema
       vaurien completion bash|zsh|fish [COMMAND]"""

DESCRIPTION = """\
A TCP proxy that makes a backend fail the way real backends fail: replies come late, wrong,
incomplete or never.
Point your application at --proxy instead of --backend, and choose what goes wrong, how often."""

EPILOG = f"""\
commands, which have flags of their own, such as vaurien help explore:
{describe_commands()}

examples:
  vaurien --proxy 0.0.0.0:8888 --backend example.com:80 --protocol http --behavior 20:error
      one HTTP request in five gets an error 500 to 503
  vaurien --proxy localhost:8000 --backend localhost:6379 --protocol redis --behavior 5:error,10:delay \\
          --behavior-delay-sleep 2
      Redis: 5% of the commands get an error, and 10% are two seconds late
  vaurien --proxy 0.0.0.0:6565 --backend mail.example.com:465 --behavior 100:error --behavior-error-warmup 12
      any TCP backend: the first 12 exchanges pass, all others get garbage
  vaurien --protocol http --behavior "100:error(match='POST /orders*', nth=1-2, code=503),20:delay(sleep=0.3)"
      the first two orders get an error 503, and one other request in five is late
  vaurien --config vaurien.ini
      settings from a file, with [vaurien] and [behavior:delay], in INI, TOML or YAML; flags take precedence
  vaurien --backend localhost:5432 --schedule failover.toml --dry-run
      faults that come and go over time: print when, or without --dry-run let them
  vaurien --http --http-host localhost --http-port 8080
      with the control API: change the faults while it runs, from tests or with vaurienctl

environment:
  VAURIEN_BACKEND and the like, one for each flag: flags go before them, and they go before a file; VAURIEN_CONFIG is
  the file, VAURIEN_BEHAVIOR_DELAY_SLEEP an option
  TOXIPROXY_AUTH_TOKEN is the token of the control API if there is no other, as for Toxiproxy

SIGHUP reopens the file of --log-output, and takes over the faults of --config and --schedule that have changed.

Weights are percents, also fractions (0.5:error). All other exchanges pass untouched.

Durations, sizes and rates may have units: 200ms, 2s, 1m30s; 4096B, 64KiB, 1MB; 50KB/s.

{describe_statuses('vaurien')}"""

#: The key of the file of a schedule.
SCHEDULE = 'schedule.file'
#: The flags of keys that are called otherwise.
NAMED = {'vaurien.toxics': '--toxic', SCHEDULE: '--schedule'}

#: How the variables of the environment begin that are settings.
PREFIX = 'VAURIEN_'
#: The variable of the environment that has the token of Toxiproxy's server.
TOKEN_VARIABLE = 'TOXIPROXY_AUTH_TOKEN'


class Arguments(NamedTuple):
    """What the command line asks for."""

    settings: Settings
    #: Flags and keys of the classic version that have no meaning now.
    ignored: tuple[str, ...]
    demo: bool
    #: Reads the files again, while the event loop goes on, and returns the settings. None: there is no file.
    read_again: Callable[[], Settings] | None
    #: Returns an error about a setting of a proxy, by its name, with the flag or the line of a file that has it.
    locate: Callable[[ConfigError, str], ConfigError]
    #: Whether the schedule is to be printed, and nothing more.
    dry_run: bool
    #: The plug-ins that the file of ``--config`` names, by section: what to import.
    plugins: Mapping[str, Any]
    #: Whether anything says which proxies there are; else there is one before the usual backend.
    has_proxies: bool


def parse(argv: Sequence[str], *, reads_environment: bool = True) -> Arguments:
    """Read flags, the environment and the file of ``--config``; raise `ConfigError`, `SystemExit` after ``--help``."""
    path = _find_config(argv, reads_environment=reads_environment)
    config = [] if path is None else [read(path)]
    for source in config:  # before the flags: its plug-ins have flags, too
        register(source)
    parser = make_parser()
    given = parser.parse(argv)
    if given.demo:
        _refuse_others(given)
    flags = _make_source(vars(given), _flag)
    environment = _read_environment(parser if reads_environment else None)
    sources = [*_read_token(), *config, environment, flags]
    ignored = tuple(place for source in sources for place in source.ignored)

    def read_again() -> Settings:
        return build(*_read_token(), *([] if path is None else [_read_aside(path)]), environment, flags)

    has_file = path is not None or any(
        'toxiproxy-config' in source.sections.get('vaurien', {}) or 'schedule' in source.sections
        for source in (environment, flags)
    )
    return Arguments(
        build(*sources),
        ignored,
        given.demo,
        read_again if has_file else None,
        lambda error, proxy: locate(error, proxy, sources),
        given.dry_run,
        {section: reference for source in config for section, reference in source.plugins.items()},
        any(_names_proxies(source) for source in sources),
    )


def _refuse_others(given: argparse.Namespace) -> None:
    """Raise `ConfigError` for a flag beside ``--demo``, which takes none: its proxy and its backend are its own."""
    others = [_flag(dest) for dest, value in vars(given).items() if value and dest not in ('demo', 'verbose')]
    if others:
        raise ConfigError('it is of no use with --demo, which has a proxy and a backend of its own', others[0])


def _names_proxies(source: Source) -> bool:
    """Return whether *source* says which proxies there are: it has the backend of the only one, or their sections."""
    given = source.sections
    return 'backend' in given.get('vaurien', ()) or any(section.startswith('proxy.') for section in given)


def _read_aside(path: str) -> Source:
    """Do as `read` on another thread: the file may be slow."""
    from gevent import get_hub  # late: the tools take these flags, and some of them have no event loop

    source: Source | ConfigError = get_hub().threadpool.apply(_read_or_fail, (path,))
    if isinstance(source, ConfigError):
        raise source
    return source


def _read_or_fail(path: str) -> Source | ConfigError:
    """Do as `read`, but return an error: the pool of threads would print a traceback of what is raised."""
    try:
        return read(path)
    except ConfigError as error:
        return error


def make_parser() -> Parser:
    """Return the parser of all flags, those of registered plug-ins included."""
    parser = Parser(
        prog='vaurien', usage=USAGE, description=DESCRIPTION, epilog=EPILOG, has_version=True, details=native.describe
    )
    parser.commands = tuple(COMMANDS)
    parser.add_argument('--config', metavar='FILE', help='read settings from .ini, .toml or .yaml')
    parser.add_argument('--demo', action='store_true', help='show what it does, on a small backend of its own')
    defaults = Settings()
    for title, flags in GROUPS.items():
        group = parser.add_argument_group(title)
        for name, placeholder, text in flags:
            field = name.replace('-', '_')
            default = 'dummy' if name == 'behavior' else getattr(defaults, field, None) or None
            _add_flag(group, f'vaurien.{name}', (text, SETTINGS[field], default), placeholder)
    group = parser.add_argument_group('what goes wrong when')
    _add_flag(group, SCHEDULE, ('schedule to run from the start on, in .toml or .yaml', str, None), 'FILE')
    group.add_argument('--dry-run', action='store_true', help='print what the schedule will do, and exit')
    every = {_flag(f'behavior.NAME.{name}'): text for name, (text, _, _) in REGISTRIES['behavior'].base.options.items()}
    flags_of_every = [f'{flag:{max(map(len, every))}}  {text}' for flag, text in every.items()]
    parser.add_argument_group('which requests a behavior is for', '\n'.join(flags_of_every))
    for kind, registry in REGISTRIES.items():
        for name in registry.names():
            _add_plugin(parser, kind, name)
    for section, names in CLASSIC.items():
        for name in names:
            dest = f'{section}.{name}'
            spellings = [_flag(dest)] + [f'--{dest}'] * (section == STATSD)  # --statsd.host, as it was
            parser.add_argument(*spellings, dest=dest, nargs='?', default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _read_environment(parser: Parser | None) -> Source:
    """Return the settings of the environment, where each flag of *parser* has a variable: ``VAURIEN_BACKEND``.

    An empty one does not count, nor do others that begin so: Kubernetes sets some for a service called vaurien, such as
    ``VAURIEN_PORT``. For one called vaurien-http it sets ``VAURIEN_HTTP_PORT``, in a form that is no port.
    """
    given = {}
    if parser is not None and any(name.startswith(PREFIX) for name in os.environ):
        for action in parser._actions:
            name = find_variable(action.dest)
            if '.' in action.dest and (value := os.environ.get(name)) and not _is_of_kubernetes(name, value):
                given[action.dest] = value
    return _make_source(given, find_variable)


def _is_of_kubernetes(name: str, value: str) -> bool:
    """Return whether Kubernetes has set a variable, for a service: ``NAME_PORT=tcp://10.0.0.7:8000``."""
    return name.endswith('_PORT') and value.startswith(('tcp://', 'udp://', 'sctp://'))


def find_variable(dotted: str) -> str:
    """Return the variable of the environment for a dotted path, such as ``VAURIEN_BEHAVIOR_DELAY_SLEEP``."""
    return PREFIX + _flag(dotted).removeprefix('--').replace('-', '_').upper()


def _read_token() -> list[Source]:
    """Read what Toxiproxy's server reads, before anything else: all others take precedence."""
    token = os.environ.get(TOKEN_VARIABLE)
    return [make_source({'vaurien': {'api_token': token}}, lambda dotted: TOKEN_VARIABLE, text=True)] if token else []


def _find_config(argv: Sequence[str], *, reads_environment: bool) -> str | None:
    """Return the file of ``--config``, or of ``VAURIEN_CONFIG``."""
    parser = Parser(prog='vaurien', add_help=False)
    parser.add_argument('--config')
    path: str | None = parser.parse_known_args(argv)[0].config
    return path or (os.environ.get(f'{PREFIX}CONFIG') if reads_environment else None) or None


def _add_plugin(parser: argparse.ArgumentParser, kind: str, name: str) -> None:
    try:
        plugin: type[Configurable] = REGISTRIES[kind].get(name)
    except PluginError as error:  # a broken plug-in must not harm those who do not use it
        parser.add_argument_group(f'{kind} {name}', str(error))
        return
    summary = (plugin.__doc__ or '').strip().partition('\n')[0]
    group = parser.add_argument_group(
        f'{kind} {name}', f'{summary}{_describe_inherited(plugin, REGISTRIES[kind].base)}'
    )
    shown = {} if plugin is REGISTRIES[kind].base else plugin.own_options()
    for option, declared in plugin.all_options().items():
        _add_flag(group, f'{kind}.{name}.{option}', declared, hidden=option not in shown)


def _describe_inherited(plugin: type[Configurable], base: type[Configurable]) -> str:
    parents = [parent.name for parent in plugin.__mro__ if issubclass(parent, base) and parent is not base]
    others = [name for name in parents if name not in ('', base.name, plugin.name)]
    return f' It has the options of {others[0]}, too.' if others else ''


def _add_flag(
    group: argparse._ArgumentGroup,
    dest: str,
    declared: tuple[str, Any, Any],
    placeholder: str = '',
    *,
    hidden: bool = False,
) -> None:
    text, type_, default = declared
    if default is not None:
        text = f'{text} (default {str(default).lower() if isinstance(default, bool) else default})'
    switch: dict[str, Any] = {'nargs': '?', 'const': 'true'} if type_ is bool else {}
    try:
        group.add_argument(
            _flag(dest),
            dest=dest,
            metavar=placeholder or _placeholder(type_),
            default=argparse.SUPPRESS,
            help=argparse.SUPPRESS if hidden else text.replace('%', '%%'),
            **switch,
        )
    except argparse.ArgumentError:
        raise PluginError(f'two options want the flag {_flag(dest)}') from None


def _placeholder(type_: Any) -> str:
    origin, inner = get_origin(type_), get_args(type_)
    if origin is Literal:
        return '|'.join(map(str, inner))
    if unit := find_unit(type_):
        return unit.quantity.name.upper()
    if origin is Annotated:
        return _placeholder(inner[0])
    if NoneType in inner:
        return _placeholder(inner[0])
    return str(getattr(type_, '__name__', type_)).upper()


def _flag(dotted: str) -> str:
    """Return the flag of a dotted path, such as ``--behavior-delay-sleep``."""
    if dotted in NAMED:
        return NAMED[dotted]
    return '--' + dotted.removeprefix('vaurien.').replace('.', '-').replace('_', '-')


def _make_source(given: dict[str, Any], place: Callable[[str], str]) -> Source:
    sections: Sections = {}
    for dest, value in given.items():
        section, dot, key = dest.rpartition('.')
        if dot:
            sections.setdefault(section, {})[key] = value
    return make_source(sections, place, text=True)
