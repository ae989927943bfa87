"""The command line of ``vaurien explore``, and what it makes of it."""

from __future__ import annotations

import os
from argparse import SUPPRESS, Namespace
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple, get_type_hints

import msgspec

from vaurien.console.asking import read_help
from vaurien.console.log import LogFormat
from vaurien.console.parser import Parser, add_log_format, value_of
from vaurien.console.statuses import describe_statuses
from vaurien.errors import ConfigError, OptionError
from vaurien.explore.environment import Environment, read_variables
from vaurien.explore.model import Injection, ReplayCommand
from vaurien.explore.replaying import check_proxies
from vaurien.explore.setting_flags import SETTING_FLAGS
from vaurien.explore.settings import ExploreSettings, read_settings
from vaurien.explore.showing.baseline import NOTHING, Baseline, load_baseline
from vaurien.plugins.options import shorten

NAME = 'vaurien explore'
#: What stands between the flags and the command.
BORDER = '--'
#: What stands for the number of a job in the values of --env.
JOB = '{job}'

USAGE = f'{NAME} --vaurien PROTOCOL:VARIABLE [flags] -- COMMAND [ARGUMENT ...]'

DESCRIPTION = """\
Finds the failures that nobody has tested. It runs a command, such as that of your tests, and sees
each request that the command makes of its backends. Then it runs it again for each request and
each fault that matter, and shows which faults the command does not survive.

The command has to find its backends in the environment, and has to pass without a fault: its exit
status is the outcome, and its output says why it has failed. It writes what it always writes, many
times, so no backend may be on another machine unless you allow that."""

EPILOG = f"""\
examples:
  vaurien explore --vaurien http:API_URL --vaurien mysql:DB_URL -- npm test
      proxies stand in the way of the backends that API_URL and DB_URL name, whatever form these have: URLs,
      host:port, DSNs; PGHOST is taken together with PGPORT
  vaurien explore --vaurien redis:REDIS_URL --seconds 60 --report findings -- go test ./cart
      try the riskiest first, for a minute; write a page, and files for other programs
  vaurien explore --vaurien http:API_URL --fault 'http: POST /charge #1 lost' -- npm test
      one cell again: the first POST /charge is carried out, and its reply is lost
  vaurien explore --vaurien redis:REDIS_URL --jobs 4 --env REDIS_URL=redis://localhost/{JOB} -- npm test
      run four at a time, each with a database of its own
  vaurien explore --vaurien http:API_URL --baseline findings/baseline.toml --fail wrong,twice,hung -- npm test
      fail for new findings only, and for the worst

faults:
  refused   the request is not carried out, and the connection is cut
  lost      it is carried out, and its reply is lost
  silent    there is no reply
  late      the reply is late: just below the client's timeout, and just above
  half      the reply breaks off
  no        the backend says no, in a way that is worth a retry, and in one that is not

outcomes, the worst first; capital letters are findings:
  W wrong      an assertion has failed, but for one on a status such as 503; or the command failed without saying why
  T twice      the backend carried out the same write twice
  H hung       it did not end within the limit, and was ended with all of its processes
  K leak       a transaction was left open
  S storm      it made over three times the requests, or retried without a pause
  L leaked     it ended with an exception that nobody has caught
  d declared   it said no in a way that is allowed: a status 429, 502, 503 or 504, or what the settings allow
  r retried    it asked again, and passed
  . absorbed   it passed
  - not hit    the request did not come again

More settings, such as what to skip and which exceptions to allow, are in [tool.vaurien.explore] of pyproject.toml, or
in vaurien-explore.toml.

{describe_statuses(NAME)}"""


class Arguments(NamedTuple):
    """What the command line asks for."""

    command: Sequence[str]
    #: The backends of each job, and the variables that they were read from.
    environments: Sequence[tuple[Environment, Mapping[str, str]]]
    #: The faults to try, and no others.
    faults: Sequence[Injection]
    settings: ExploreSettings
    baseline: Baseline
    log_format: LogFormat
    #: How to try one cell again.
    replay: ReplayCommand

    @property
    def environment(self) -> Environment:
        """The backends of the first job. Those of the others have the same names."""
        return self.environments[0][0]


def parse(argv: Sequence[str]) -> Arguments:
    """Read flags, the files of settings, and the environment; raise `ConfigError`, or `SystemExit` after ``--help``."""
    argv = read_help(argv)
    if BORDER not in argv and {'-h', '--help'}.isdisjoint(argv):
        raise ConfigError(f'put {BORDER} before the command: {USAGE}')
    flags, command = split(argv)
    given = make_parser().parse(flags)
    if not command:
        raise ConfigError(f'there is no command to run: {USAGE}')
    _check_text([*command, *given.env])
    if not given.vaurien:
        raise ConfigError('say which variable names a backend: --vaurien redis:REDIS_URL')
    settings = _change_settings(given)
    faults = [Injection.parse(text) for text in given.fault]
    environs = _make_environs(given.env, given.jobs)
    variables = read_variables(given.vaurien)
    environments = [(Environment(variables, each, allow_remote=settings.allow_remote), each) for each in environs]
    try:
        check_proxies(faults, [backend.proxy for backend in environments[0][0].backends])
    except ConfigError as error:
        raise error.within('--fault') from None
    return Arguments(
        command=command,
        environments=environments,
        faults=faults,
        settings=settings,
        log_format=given.log_format,
        baseline=NOTHING if settings.baseline is None else load_baseline(settings.baseline),
        replay=ReplayCommand(before=(*NAME.split(), *_keep_flags(given)), after=(BORDER, *command), flag='--fault'),
    )


def split(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the flags, and the command behind them."""
    words = list(argv)
    border = words.index(BORDER) if BORDER in words else len(words)
    return words[:border], words[border + 1 :]


def make_parser() -> Parser:
    """Return the parser of the flags."""
    parser = Parser(prog=NAME, usage=USAGE, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument(
        '--vaurien',
        metavar='PROTOCOL:VARIABLE',
        action='append',
        default=[],
        help='a variable of the environment that names a backend, and what is spoken with it; may be given again',
    )
    parser.add_argument(
        '--fault',
        metavar='FAULT',
        action='append',
        default=[],
        help='try this fault alone, and show what the command prints; or several together',
    )
    parser.add_argument(
        '--jobs',
        metavar='N',
        type=value_of(Annotated[int, msgspec.Meta(ge=1)]),
        default=1,
        help='run the command so many times at a time, each with proxies of its own (default 1)',
    )
    parser.add_argument(
        '--env',
        metavar='NAME=VALUE',
        action='append',
        default=[],
        help=f'set a variable of the command, in which {JOB} is the number of the job, from 1; may be given again',
    )
    types = get_type_hints(ExploreSettings, include_extras=True)
    for name, placeholder, text in SETTING_FLAGS:
        type_ = str if name == 'fail' else value_of(types[name])
        parser.add_argument(f'--{name}', metavar=placeholder, type=type_, default=SUPPRESS, help=text)
    parser.add_argument(
        '--allow-remote',
        action='store_true',
        default=SUPPRESS,
        help='take backends that are on other machines, too: the command writes to them many times',
    )
    add_log_format(parser)
    return parser


def _make_environs(texts: Sequence[str], number: int) -> list[Mapping[str, str]]:
    """Return the environment of each of so many jobs; raise `ConfigError`."""
    changes: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition('=')
        if not (name and sign):
            raise ConfigError(f'{shorten(text)} is not NAME=VALUE, such as PORT=808{JOB}', '--env')
        changes[name] = value
    return [
        {**os.environ, **{name: value.replace(JOB, str(job)) for name, value in changes.items()}}
        for job in range(1, number + 1)
    ]


def _check_text(words: Iterable[str]) -> None:
    """Raise `ConfigError` for a word of the command that no report could name: its bytes are not UTF-8."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise ConfigError(f'the command has a word that is not UTF-8: {word!r}') from None


def _change_settings(given: Namespace) -> ExploreSettings:
    """Return the settings of the files, changed by flags; raise `ConfigError`."""
    fields = {name: value for name, value in vars(given).items() if name in ExploreSettings.__struct_fields__}
    settings = read_settings()
    if given.fault:
        settings = settings.keep_reports()
    try:
        return settings.change(fields)
    except OptionError as error:
        raise ConfigError(error.description, f'--{error.path}') from None


def _keep_flags(given: Namespace) -> list[str]:
    """Return the flags without which a cell could not be tried again, or with another limit."""
    flags = [word for text in given.vaurien for word in ('--vaurien', text)]
    flags += [word for text in given.env for word in ('--env', text)]
    if 'limit' in given:
        flags += ['--limit', str(given.limit)]
    return [*flags, '--allow-remote'] if 'allow_remote' in given else flags
