"""Commands on what is armed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from vaurien.cli.ctl.command import Command, argument
from vaurien.cli.ctl.options import add_options, parse_options
from vaurien.client import Client
from vaurien.console.output import say

SET_BEHAVIOR = """\
Arm NAME for every exchange from the next one on, or several behaviors by weight: 20:error,10:delay.
Options come after it, --OPTION VALUE, or --NAME-OPTION VALUE where there are several behaviors, or inside it:
"100:error(match='SET *', nth=1-2),20:delay". Without a VALUE an option is true. An option that is not given takes the
value that the proxy was configured with, else its default."""


def list_behaviors(client: Client, arguments: Namespace) -> list[str]:
    """The names."""
    return client.list_behaviors()


def show_names(names: Sequence[str]) -> None:
    """One a line."""
    say('\n'.join(names))


def get_behavior(client: Client, arguments: Namespace) -> str:
    """What is armed, as `set_behavior` takes it."""
    return client.get_behavior()


def set_behavior(client: Client, arguments: Namespace) -> None:
    """Arm something else."""
    client.set_behavior(add_options(arguments.name, parse_options(arguments.options)))


COMMANDS = (
    Command(
        'list-behaviors',
        list_behaviors,
        'name every behavior there is',
        """\
  vaurienctl list-behaviors
      abort, blackout, delay and so on, one a line""",
        show_names,
        'Name every behavior there is, one a line.',
    ),
    Command(
        'get-behavior',
        get_behavior,
        'tell what is armed',
        """\
  vaurienctl get-behavior
      of the only proxy
  vaurienctl get-behavior --proxy redis
      of one among several""",
        description='Tell what is armed, as set-behavior takes it.',
        of_proxy=True,
    ),
    Command(
        'set-behavior',
        set_behavior,
        'arm something else',
        """\
  vaurienctl set-behavior delay --sleep 2
      from now on every exchange is two seconds late
  vaurienctl set-behavior 20:error,10:delay --error-inject true --delay-sleep 0.5
      by weight, in percent; what is missing to 100 passes untouched
  vaurienctl set-behavior "error(match='SET *', nth=1-2)" --proxy redis
      the first two writes through one of several proxies are refused
  vaurienctl set-behavior dummy
      all well again""",
        description=SET_BEHAVIOR,
        arguments=(argument('name', metavar='NAME', help='one behavior, or several with their percent'),),
        option='OPTION',
        of_proxy=True,
    ),
)
