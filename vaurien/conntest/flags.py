"""What can be written after ``conntest``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from vaurien.conntest.plan import Plan
from vaurien.console.parser import Parser, value_of
from vaurien.errors import ConfigError
from vaurien.settings import Count, Port, Seconds

DESCRIPTION = (
    'Does what I send arrive, and how long does it take? Runs requests between a client and a server of its own.'
)

EPILOG = """\
examples:
  conntest server -p 8080
      on one machine: takes runs, and keeps what arrives
  conntest run -r http://conntest-server:8080 --run-count 1000 --concurrency 5 -f report.json
      on another: a thousand runs, five at a time, compared with what arrived
  conntest plot report.json -o roundtrip.png
      their round trips as a picture

  vaurien --backend conntest-server:8080 --protocol http --behavior 5:error,5:blackout
  conntest run -r http://localhost:8000 --run-count 1000
      what does a client see of a backend that fails?

The exit status is 0 if all that was sent arrived and was answered, 1 if not, 2 if it could not be tried: for a
mistake in what was asked, or a server that is not there. Ctrl-C reports on what was run so far, and ends with 130."""

SERVER = """\
Keep what clients send, until they delete it. Everybody who can reach it may use it, on all addresses of this machine
unless --host says otherwise, and have it fetch any URL that it can reach, unless --no-upstream forbids that."""

CLIENT = """\
Run a test group that was created on the server, compare what was sent with what arrived, and write a report."""

RUN = 'Create a test group on the server and run it in one go, like the client does.'

PLOT = "Draw the round trips of a report, run by run, with percentiles and errors. Needs pip install 'vaurien[plot]'."

SUMMARY = 'Print average, percentiles and errors of a report.'

#: The settings of a group that are flags of ``run``: name, placeholder, help.
PLAN = (
    ('description', 'TEXT', 'what the test is called'),
    ('run-count', 'N', 'how many runs (default 100)'),
    ('concurrency', 'N', 'how many at a time (default 1)'),
    ('client-delay-ns', 'NS', 'nanoseconds from the start of one run to that of the next, at least'),
    ('server-delay-ns', 'NS', 'nanoseconds for which the server holds back each reply'),
    ('upstream-endpoint', 'URL', 'what the server fetches, with GET, on each run'),
    ('upstream-timeout-ns', 'NS', 'nanoseconds that it waits for that (default: as long as it takes)'),
)

#: What is given where the command line says nothing.
PLAN_DEFAULTS = {'run_count': 100, 'concurrency': 1}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; raises `ConfigError`, and `SystemExit` after ``--help``.

    ``command`` is the name of the sub-command; of ``run`` there is a ``plan``, of ``client`` and ``run`` ``data``,
    bytes that may be empty.
    """
    given = make_parser().parse(_bind_data(argv))
    if given.command == 'run':
        given.plan = _read_plan(given)
    if given.command in ('client', 'run'):
        given.data = _read_data(given)
    return given


def make_parser() -> Parser:
    """The parser of all sub-commands."""
    parser = Parser(prog='conntest', description=DESCRIPTION, epilog=EPILOG, has_version=True)
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', dest='command', required=True)
    _add_server(commands.add_parser('server', help='keep what clients send', description=SERVER))
    client = commands.add_parser('client', help='run a test group', description=CLIENT)
    run = commands.add_parser('run', help='create a test group and run it', description=RUN)
    for command in (client, run):
        _add_client(command, command is client)
    for name, placeholder, text in PLAN:
        run.add_argument(f'--{name}', metavar=placeholder, help=text)
    plot = commands.add_parser('plot', help='draw a report', description=PLOT)
    summary = commands.add_parser('summary', help='print a report in short', description=SUMMARY)
    for command in (plot, summary):
        command.add_argument('report', metavar='REPORT', type=Path, help='what a client has written')
    text = 'the picture: .png, .svg or .pdf (default roundtrip.png)'
    plot.add_argument('-o', '--output', metavar='FILE', type=Path, default='roundtrip.png', help=text)
    return parser


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '-p',
        '--port',
        metavar='PORT',
        type=value_of(Port),
        default=8080,
        help='where (default 8080); 0 takes a free one',
    )
    parser.add_argument('--host', default='', help='the one address to listen on, such as localhost (default: all)')
    parser.add_argument(
        '--max-groups', metavar='N', type=value_of(Count), default=1000, help='keep no more test groups (default 1000)'
    )
    parser.add_argument(
        '--max-memory', metavar='MIB', type=value_of(Count), default=256, help='keep no more MiB of runs (default 256)'
    )
    parser.add_argument('--no-upstream', action='store_true', help='fetch nothing for anybody')
    parser.add_argument('-v', '--verbose', action='store_true', help='log each run')


def _add_client(parser: argparse.ArgumentParser, is_given: bool) -> None:
    text = 'the server, such as http://conntest-server:8080'
    parser.add_argument('-r', '--remote', metavar='URL', required=True, help=text)
    if is_given:
        parser.add_argument('-g', '--group', metavar='ID', required=True, help='the run_group_id of the test group')
    text = 'the report to write' if is_given else 'the report to write (default: none, but what is printed)'
    parser.add_argument('-f', '--report', metavar='FILE', type=Path, required=is_given, help=text)
    data = parser.add_mutually_exclusive_group()
    data.add_argument('-d', '--data', metavar='DATA', help='what to send, whatever its bytes (default: a UUID each)')
    data.add_argument('--data-file', metavar='FILE', type=Path, help='send what is in a file')
    text = 'seconds to wait for the answer to a run, besides server_delay_ns (default 60)'
    parser.add_argument(
        '--timeout', metavar='SECONDS', type=value_of(Annotated[Seconds, msgspec.Meta(le=86400)]), help=text
    )
    parser.set_defaults(timeout=60.0)
    parser.add_argument('--delete', action='store_true', help='have the server forget the group in the end')


def _bind_data(argv: Sequence[str]) -> list[str]:
    """The same command line with ``-d DATA`` as one word: data may begin with a dash."""
    words = list(argv)
    for place, word in enumerate(words[:-1]):
        if word in ('-d', '--data'):
            words[place : place + 2] = [f'--data={words[place + 1]}']
            break
    return words


def _read_plan(given: argparse.Namespace) -> Plan:
    values = {name.replace('-', '_'): getattr(given, name.replace('-', '_')) for name, _, _ in PLAN}
    if given.description and not given.description.isprintable():
        raise ConfigError('expected one line of text', '--description')
    values = {name: PLAN_DEFAULTS.get(name) if value is None else value for name, value in values.items()}
    try:
        return Plan.read(values, text=True)
    except ConfigError as error:
        raise ConfigError(error.description, f'--{error.path.replace("_", "-")}') from None


def _read_data(given: argparse.Namespace) -> bytes:
    if given.data_file is None:
        return os.fsencode(given.data or '')  # the bytes as they were typed
    try:
        return bytes(given.data_file.read_bytes())
    except OSError as error:
        raise ConfigError(f'cannot read {given.data_file}: {error.strerror}') from None
