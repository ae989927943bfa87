"""The command line of ``conntest``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from vaurien.conntest.plan import Plan
from vaurien.console.files import read_file
from vaurien.console.parser import Parser, add_log_format, value_of
from vaurien.console.statuses import describe_statuses
from vaurien.errors import ConfigError
from vaurien.plugins.units import MEBIBYTES, PositiveSeconds
from vaurien.settings import Count, Port

DESCRIPTION = 'Does what I send arrive, and how long does it take? Run requests from a client to a server of its own.'

EPILOG = f"""\
examples:
  conntest server -p 8080
      on one machine: record what arrives
  conntest run -r http://conntest-server:8080 --run-count 1000 --concurrency 5 -f report.json
      on another: send a thousand requests, five at a time, and compare them with what arrived
  conntest plot report.json -o roundtrip.png
      draw their round trips

  vaurien --backend conntest-server:8080 --protocol http --behavior 5:error,5:blackout
  conntest run -r http://localhost:8000 --run-count 1000
      see what a client gets from a backend that fails

Durations and sizes may have units: --timeout 1m30s, --client-delay-ns 50ms, --max-memory 1GiB.

{describe_statuses('conntest')}"""

SERVER = """\
Record what clients send, and keep it until they delete it. The server has no password and listens on all addresses of
this machine, unless --host names one. Whoever reaches it can have it fetch any URL, unless it has --no-upstream. Web
pages do not reach it: it rejects requests under a name with a dot that is not this machine's or one of --api-host."""

CLIENT = """\
Run a test group of the server, compare what was sent with what arrived, and write a report."""

RUN = 'Create a test group on the server and run it, as the command client does.'

PLOT = "Draw the round trips of a report, with percentiles and errors. It needs pip install 'vaurien[plot]'."

SUMMARY = 'Print average, percentiles and errors of a report.'

Memory = Annotated[Count, MEBIBYTES]
Timeout = Annotated[PositiveSeconds, msgspec.Meta(le=86400)]

#: The settings of a group that are flags of ``run``: name, placeholder, help.
PLAN = (
    ('description', 'TEXT', 'a name for the test'),
    ('run-count', 'N', 'number of runs (default 100)'),
    ('concurrency', 'N', 'number of runs at a time (default 1)'),
    ('client-delay-ns', 'NS', 'least nanoseconds from the start of one run to that of the next'),
    ('server-delay-ns', 'NS', 'nanoseconds by which the server delays each response'),
    ('upstream-endpoint', 'URL', 'URL that the server fetches for each run'),
    ('upstream-timeout-ns', 'NS', 'nanoseconds that the fetch may take (default: an hour)'),
)

#: The most bytes of data from a file. Our own server takes 1 MiB, others may take more.
MAX_DATA_FILE = 64 * 1024 * 1024

#: Values of flags that are not given. Those of the API are all 0.
PLAN_DEFAULTS = {'run_count': 100, 'concurrency': 1}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; raise `ConfigError`, or `SystemExit` after ``--help``.

    ``command`` is the name of the sub-command. ``run`` has a ``plan``; ``client`` and ``run`` have ``data``, bytes
    that may be empty, or None for a UUID.
    """
    given = make_parser().parse(_bind_data(argv))
    if given.command == 'run':
        given.plan = _read_plan(given)
    if given.command in ('client', 'run'):
        given.data = _read_data(given)
    return given


def make_parser() -> Parser:
    """Return the parser of all sub-commands."""
    parser = Parser(prog='conntest', description=DESCRIPTION, epilog=EPILOG, has_version=True)
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', dest='command', required=True)
    _add_server(commands.add_parser('server', help='record what clients send', description=SERVER))
    client = commands.add_parser('client', help='run a test group', description=CLIENT)
    run = commands.add_parser('run', help='create a test group and run it', description=RUN)
    for command in (client, run):
        _add_client(command, command is client)
    for name, placeholder, text in PLAN:
        run.add_argument(f'--{name}', metavar=placeholder, help=text)
    plot = commands.add_parser('plot', help='draw a report', description=PLOT)
    summary = commands.add_parser('summary', help='summarize a report', description=SUMMARY)
    for command in (plot, summary):
        command.add_argument('report', metavar='REPORT', type=Path, help='report of a client')
    text = 'picture to write: .png, .svg or .pdf (default roundtrip.png)'
    plot.add_argument('-o', '--output', metavar='FILE', type=Path, default='roundtrip.png', help=text)
    return parser


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '-p',
        '--port',
        metavar='PORT',
        type=value_of(Port),
        default=8080,
        help='port to listen on; 0 takes a free one (default 8080)',
    )
    parser.add_argument('--host', default='', help='address to listen on, such as localhost (default: all)')
    text = 'more names of this machine under which it may be reached, such as conntest.example.com'
    parser.add_argument('--api-host', metavar='NAME,...', type=_split_names, default=(), help=text)
    parser.add_argument(
        '--max-groups', metavar='N', type=value_of(Count), default=1000, help='most test groups to keep (default 1000)'
    )
    parser.add_argument(
        '--max-memory',
        metavar='MIB',
        type=value_of(Memory),
        default=256,
        help='most MiB of runs to keep (default 256)',
    )
    parser.add_argument('--no-upstream', action='store_true', help='fetch no URL for any client')
    parser.add_argument('-v', '--verbose', action='store_true', help='log each run')
    add_log_format(parser)


def _split_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(',') if name.strip())


def _add_client(parser: argparse.ArgumentParser, is_given: bool) -> None:
    text = 'URL of the server, such as http://conntest-server:8080'
    parser.add_argument('-r', '--remote', metavar='URL', required=True, help=text)
    if is_given:
        parser.add_argument('-g', '--group', metavar='ID', required=True, help='run_group_id of the test group')
    text = 'report to write; - is standard output'
    if not is_given:
        text += ' (default: only the summary is printed)'
    parser.add_argument('-f', '--report', metavar='FILE', required=is_given, help=text)
    data = parser.add_mutually_exclusive_group()
    data.add_argument('-d', '--data', metavar='DATA', help='bytes to send (default: a new UUID for each run)')
    data.add_argument('--data-file', metavar='FILE', type=Path, help='file to send')
    text = 'seconds that a run may take, beside server_delay_ns (default 60)'
    if not is_given:
        text = 'seconds that a run may take, beside server_delay_ns, and the creation of the group (default 60)'
    parser.add_argument('--timeout', metavar='SECONDS', type=value_of(Timeout), help=text)
    parser.set_defaults(timeout=60.0)
    parser.add_argument('--delete', action='store_true', help='delete the test group at the end')


def _bind_data(argv: Sequence[str]) -> list[str]:
    """Return the command line with ``-d DATA`` as one word, because data may begin with a dash."""
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
        plan = Plan.read(values, text=True)
    except ConfigError as error:
        raise ConfigError(error.description, f'--{error.path.replace("_", "-")}') from None
    if not plan.run_count:
        raise ConfigError(
            f'expected int >= 1, got {given.run_count!r}: a test without runs tests nothing', '--run-count'
        )
    return plan


def _read_data(given: argparse.Namespace) -> bytes | None:
    if given.data_file is None:
        return None if given.data is None else os.fsencode(given.data)  # the very bytes of the command line
    try:
        return read_file(given.data_file, MAX_DATA_FILE)
    except OSError as error:
        raise ConfigError(f'cannot read {given.data_file}: {error.strerror}') from None
