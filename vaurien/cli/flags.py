"""The flags of ``vaurien``: those of the settings, and one for every option of every behavior and protocol."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from vaurien.config.build import SERVER_PORT, build, locate
from vaurien.config.keys import CLASSIC, REGISTRIES, SETTINGS
from vaurien.config.source import Sections, Source, make_source, read, register
from vaurien.console.parser import Parser
from vaurien.errors import ConfigError, PluginError
from vaurien.plugins.options import Configurable
from vaurien.plugins.units import find_unit
from vaurien.settings import Settings

USAGE = """\
vaurien [--proxy HOST:PORT] [--backend HOST:PORT] [--protocol NAME] [--behavior PERCENT:NAME,...] [flags]
       vaurien explore --vaurien PROTOCOL:VARIABLE [flags] -- COMMAND [ARGUMENT ...]
       vaurien report [flags] DIR ..."""

DESCRIPTION = """\
A TCP proxy that makes a backend fail the way real backends fail: replies come late, wrong,
incomplete or never.
Point your application at --proxy instead of --backend, and choose what goes wrong, how often."""

EPILOG = """\
commands, which have flags of their own, such as vaurien explore --help:
  explore  run a command, such as that of your tests, once for each request and each fault that matter, and show
           which faults it does not survive
  report   make one page of that, to be read before a release

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
  TOXIPROXY_AUTH_TOKEN   the token of the control API, unless --api-token is given, as for Toxiproxy

SIGHUP reopens the file of --log-output, and takes over the faults of --config and --schedule that have changed.

Weights are percents, also fractions (0.5:error). All other exchanges pass untouched.

Durations, sizes and rates may have units: 200ms, 2s, 1m30s; 4096B, 64KiB, 1MB; 50KB/s.

The exit status is 0 after Ctrl-C or SIGTERM, 1 if it cannot start, 2 for a mistake in flags or files. A second Ctrl-C
ends at once, with 130."""

#: The key of the file of a schedule.
SCHEDULE = 'schedule.file'
#: The flags of keys that are called otherwise.
NAMED = {'vaurien.toxics': '--toxic', SCHEDULE: '--schedule'}

#: The variable of the environment that has the token of Toxiproxy's server.
TOKEN_VARIABLE = 'TOXIPROXY_AUTH_TOKEN'

#: The flags of the settings, by group: name, placeholder, help.
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    'what to proxy': (
        ('proxy', 'HOST:PORT', 'address that clients connect to; port 0 takes a free one'),
        ('backend', 'HOST:PORT', 'address of the backend, or none'),
        ('protocol', 'NAME', 'protocol between clients and backend'),
    ),
    'what goes wrong': (
        ('behavior', 'PERCENT:NAME,...', 'behaviors, each with its share of the exchanges'),
        ('toxics', 'TYPE(...)@STREAM,...', 'toxics, which change the bytes of a stream, whatever they mean'),
        ('addressed', 'BOOL', 'let requests ask for faults: X-Vaurien-Fault: error(code=503), /* vaurien: error */'),
        ('seed', 'N', 'number that makes the same faults happen again'),
    ),
    'limits': (
        ('timeout', '', 'most seconds to wait for a connection to the backend'),
        ('resolve-interval', '', 'how often the name of the backend is looked up again, in seconds'),
        ('idle-timeout', '', 'seconds after which a link is closed if nothing moves on it'),
        ('keepalive', '', 'how often a silent peer is asked whether it is still there, in seconds; 0: never'),
        ('max-links', 'N', 'most clients at a time'),
        ('backlog', 'N', 'most clients that wait to be accepted'),
    ),
    'TLS': (
        (
            'tls',
            'auto',
            'auto: speak TLS with clients and backend, with made certificates; refuse: grant it to nobody',
        ),
        ('tls-mode', 'MODE', 'implicit: TLS begins with the first byte; upgrade: where the protocol asks for it'),
        ('proxy-tls', 'CERT[:KEY]', 'speak TLS with clients: auto, or files in PEM'),
        ('proxy-tls-client-ca', 'FILE', 'ask clients for a certificate that one of these authorities has signed'),
        ('backend-tls', 'BOOL', 'speak TLS with the backend'),
        ('backend-tls-verify', 'BOOL', 'refuse a backend whose certificate is not that of its name'),
        ('backend-tls-ca', 'FILE', 'authorities that are believed, instead of those of the system'),
        ('backend-tls-name', 'NAME', 'name that the backend is asked for and has to have, instead of its host'),
        ('backend-tls-cert', 'FILE', 'certificate to show the backend'),
        ('backend-tls-key', 'FILE', 'its key, if that is in a file of its own'),
        ('tls-min', 'VERSION', 'lowest version of TLS: 1.2 or 1.3'),
        ('tls-max', 'VERSION', 'highest version of TLS'),
        ('tls-ca-file', 'FILE', 'write the certificate of the authority to this file, which clients are to trust'),
        ('tls-keylog', 'FILE', 'append the keys of all sessions to this file, for Wireshark'),
    ),
    'control API': (
        ('http', 'BOOL', 'serve the control API'),
        ('http-host', 'HOST', 'host to serve it on'),
        ('http-port', 'PORT', 'port to serve it on; 0 takes a free one'),
        ('api-host', 'NAME,...', 'names of this machine under which it may be reached'),
        ('api-token', 'TOKEN', 'token that requests must have: Authorization: Bearer TOKEN'),
        ('server', 'BOOL', f'start with the proxies of the file, or none, and the API on port {SERVER_PORT}'),
        (
            'toxiproxy-config',
            'FILE',
            f'start with the proxies of a Toxiproxy file, and the API on port {SERVER_PORT}',
        ),
    ),
    'journal': (
        ('journal', 'FILE', 'write every exchange to this file, with its fault: a line of JSON each'),
        ('journal-max', 'SIZE', 'size in bytes at which the file becomes FILE.1, and another one begins'),
        ('replay', 'FILE', 'inject the faults of a journal again, each at the same request, and no others'),
    ),
    'log': (
        ('log-level', '', 'level to log from; each fault is a record of info'),
        ('log-output', 'FILE', 'file to append the log to; - is standard error'),
    ),
}


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


def parse(argv: Sequence[str]) -> Arguments:
    """Read flags, and the file of ``--config``; raise `ConfigError`, or `SystemExit` after ``--help``."""
    environment, path = _read_environment(), _find_config(argv)
    config = [] if path is None else [read(path)]
    for source in config:  # before the flags: its plug-ins have flags, too
        register(source)
    given = make_parser().parse(argv)
    flags = _make_source(vars(given))
    sources = [*environment, *config, flags]
    ignored = tuple(place for source in sources for place in source.ignored)

    def read_again() -> Settings:
        return build(*environment, *([] if path is None else [_read_aside(path)]), flags)

    has_file = (
        path is not None or 'toxiproxy-config' in flags.sections.get('vaurien', {}) or 'schedule' in flags.sections
    )
    return Arguments(
        build(*sources),
        ignored,
        given.demo,
        read_again if has_file else None,
        lambda error, proxy: locate(error, proxy, sources),
        given.dry_run,
    )


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
    parser = Parser(prog='vaurien', usage=USAGE, description=DESCRIPTION, epilog=EPILOG, has_version=True)
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
            parser.add_argument(_flag(dest), dest=dest, nargs='?', default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _read_environment() -> list[Source]:
    """Read what Toxiproxy's server reads, before anything else: a file and flags take precedence."""
    token = os.environ.get(TOKEN_VARIABLE)
    return [make_source({'vaurien': {'api_token': token}}, lambda dotted: TOKEN_VARIABLE, text=True)] if token else []


def _find_config(argv: Sequence[str]) -> str | None:
    """Return the file of ``--config``."""
    parser = Parser(prog='vaurien', add_help=False)
    parser.add_argument('--config')
    path: str | None = parser.parse_known_args(argv)[0].config
    return path


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


def _make_source(given: dict[str, Any]) -> Source:
    sections: Sections = {}
    for dest, value in given.items():
        section, dot, key = dest.rpartition('.')
        if dot:
            sections.setdefault(section, {})[key] = value
    return make_source(sections, _flag, text=True)
