"""The commands about behaviors: which there are, and which are armed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.cli.ctl.command import Answer, Command, argument, ask_each, print_each
from vaurien.cli.ctl.options import add_options, parse_options
from vaurien.client import Client
from vaurien.console.output import make_printable, print_line

#: What is printed of a rule.
COLUMNS = ('name', 'percent', 'options', 'seen', 'matched', 'hits')

SET_BEHAVIOR = """\
Arm a behavior for every exchange, from the next one on, or several behaviors by weight: 20:error,10:delay.
Options are given after the name, --OPTION VALUE, or --NAME-OPTION VALUE if there are several behaviors; or in
parentheses: "100:error(match='SET *', nth=1-2),20:delay". Without a VALUE an option is true. An option that is not
given has the value that was configured for the proxy, or else its default."""


def list_behaviors(client: Client, arguments: Namespace) -> list[str]:
    """Return the names of all behaviors."""
    return client.list_behaviors()


def show_names(names: Sequence[str]) -> None:
    """Print each name on a line."""
    print_line('\n'.join(map(make_printable, names)))


def list_rules(client: Client, arguments: Namespace) -> Any:
    """Return the rules that are armed; if there are several proxies, those of each by its name."""
    return ask_each(client, lambda one: one.status()['behaviors'])


def show_rules(rules: Answer) -> None:
    """Print each rule on a line, with its proxy first if there are several."""
    print_each(COLUMNS, rules, 'no rules', lambda rule: {**rule, 'options': _drop_unset(rule['options'])})


def _drop_unset(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def get_behavior(client: Client, arguments: Namespace) -> str:
    """Return what is armed, as `set_behavior` takes it."""
    return client.get_behavior()


def set_behavior(client: Client, arguments: Namespace) -> None:
    """Arm other rules."""
    client.set_behavior(add_options(arguments.name, parse_options(arguments.options)))


COMMANDS = (
    Command(
        'list-behaviors',
        list_behaviors,
        'list the behaviors that can be armed',
        """\
  vaurienctl list-behaviors
      abort, blackout, delay and so on, each on a line""",
        show_names,
        'List the behaviors that can be armed, plug-ins included, each on a line.',
    ),
    Command(
        'get-behavior',
        get_behavior,
        'print what is armed',
        """\
  vaurienctl get-behavior
      what is armed on the only proxy
  vaurienctl get-behavior --proxy redis
      what is armed on one of several proxies""",
        description='Print what is armed, as set-behavior takes it.',
        of_proxy=True,
    ),
    Command(
        'rules',
        list_rules,
        'list what is armed, and how often it has matched',
        """\
  vaurienctl rules
      each rule that is armed: the exchanges since then, those that match, and those that it was applied to
  vaurienctl rules --proxy redis --json
      those of one of several proxies, for programs""",
        show_rules,
        'List the rules that are armed. One that has matched nothing of what was seen waits for the wrong requests.',
        of_proxy=True,
    ),
    Command(
        'set-behavior',
        set_behavior,
        'arm other behaviors',
        """\
  vaurienctl set-behavior delay --sleep 2
      from now on every exchange is two seconds late
  vaurienctl set-behavior 20:error,10:delay --error-inject true --delay-sleep 0.5
      by weight, in percent; all other exchanges pass untouched
  vaurienctl set-behavior "error(match='SET *', nth=1-2)" --proxy redis
      the first two writes through one of several proxies are refused
  vaurienctl set-behavior dummy
      no more faults""",
        description=SET_BEHAVIOR,
        arguments=(argument('name', metavar='NAME', help='a behavior, or several with their percent'),),
        option='OPTION',
        of_proxy=True,
    ),
)
