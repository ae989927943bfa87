"""The flags of ``loads-runner``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from vaurien.console.parser import Parser
from vaurien.console.statuses import describe_statuses
from vaurien.loads.config import Source, build, read
from vaurien.loads.outputs import OUTPUTS
from vaurien.loads.settings import GROUPS, Setting, Settings

USAGE = 'loads-runner [TEST] [-u N] [--hits N | -d DURATION] [--agents N] [flags]'

DESCRIPTION = """\
Run a functional test as load: with many users at the same time, on one machine or many. Locust is the engine.
TEST is the name of a method of a unittest case: module.Class.test_method."""

EPILOG = f"""\
examples:
  loads-runner example.TestWebSite.test_es
      run it once, to see that it works
  loads-runner example.TestWebSite.test_es -u 100 --hits 10
      run it with 100 users, ten times each
  loads-runner example.TestWebSite.test_es -u 10:20:30 --hits 20
      run it with 10 users, then 20, then 30
  loads-runner example.TestWebSite.test_es -u 50 -d 30 --output stdout --output html
      run it with 50 users for half a minute, and write a report with charts to loads.html
  loads-runner example.TestWebSite.test_something --agents 5
      run it in five processes on this machine
  loads-runner example.TestWebSite.test_something --agents 5 --broker 192.0.2.7:5557
      run it on five agents that were started elsewhere, with loads-agent --broker 192.0.2.7:5557
  loads-runner checkout.js -u 20 --hits 5 --test-runner 'node {{test}}'
      run any command as the test; its exit status is the result
  loads-runner example.TestWebSite.test_es -u 10 -d 60 --vaurien 'protocol=http backend=localhost:9200 behavior=5:error'
      run it with faults on the way to the server
  loads-runner --config loads.ini
      read the settings from the section [loads] of an INI, TOML or YAML file; flags win over it

Durations may have units: -d 1m30s. A bare number is in seconds.

{describe_statuses('loads-runner')}"""


def parse(argv: Sequence[str]) -> Settings:
    """Return the settings from flags and from the file that ``--config`` names.

    Raises `ConfigError`, and `SystemExit` after ``--help``.
    """
    values = vars(make_parser().parse(argv))
    path = values.pop('config', None)
    sources = [read(path)] if path is not None else []
    return build(*sources, Source(values, _flag, text=True))


def make_parser() -> Parser:
    """Return the parser of all flags."""
    parser = Parser(prog='loads-runner', usage=USAGE, description=DESCRIPTION, epilog=EPILOG, has_version=True)
    parser.add_argument('fqn', nargs='?', metavar='TEST', default=argparse.SUPPRESS, help='the name of the test')
    parser.add_argument(
        '--config', metavar='FILE', default=argparse.SUPPRESS, help='read settings from .ini, .toml or .yaml'
    )
    for title, settings in GROUPS.items():
        group = parser.add_argument_group(title)
        for name, setting in settings.items():
            _add_flag(group, name, setting)
    group = parser.add_argument_group('options of outputs')
    for output, one in OUTPUTS.items():
        for option, (text, type_, default) in one.options.items():
            _add_flag(group, f'output_{output}_{option}', Setting(text, type_, default, 'PATH'))
    return parser


def _add_flag(group: argparse._ArgumentGroup, name: str, setting: Setting) -> None:
    text, default = setting.help.replace('%', '%%'), setting.default
    if default and default is not True:
        text = f'{text} (default {", ".join(default) if isinstance(default, list) else default})'
    options: dict[str, Any] = {'metavar': setting.placeholder}
    if setting.type is bool:
        options = {'action': 'store_const', 'const': 'true'}
    elif setting.type == list[str]:
        options['action'] = _Extend
    flags = [setting.short, _flag(name)] if setting.short else [_flag(name)]
    group.add_argument(*flags, dest=name, default=argparse.SUPPRESS, help=text, **options)


class _Extend(argparse.Action):
    """Add to a list each time the flag is given. For ``--output``, commas separate, too."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        split = values.split(',') if self.dest == 'output' else [values]
        setattr(namespace, self.dest, [*getattr(namespace, self.dest, []), *split])


def _flag(name: str) -> str:
    return '--' + name.replace('_', '-')
