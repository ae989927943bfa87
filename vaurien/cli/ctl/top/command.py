"""The command ``top`` itself."""

from __future__ import annotations

import sys
from argparse import Namespace

from vaurien.cli.ctl.command import Command, argument
from vaurien.cli.ctl.top.once import Summary, print_summary, summarize
from vaurien.client import Client
from vaurien.console.drawing import check_drawing
from vaurien.console.output import can_redraw
from vaurien.errors import ConfigError
from vaurien.rules.match import Pattern

DESCRIPTION = """\
Show for each proxy the requests, errors and faults a second, how long clients have waited, and what is armed; and the
busiest requests. With --json, or where the output is no terminal, print what went through in one second, and end.

keys:
  up, down  select a proxy (k, j)
  s         sort by requests, errors, faults, p99 or name
  /         show only requests that match a pattern: GET /orders*; Enter applies it, Esc leaves the one before
  a         arm the rules again that were armed last on the selected proxy
  x         disarm them
  d         disable the proxy, or enable it
  c         cut its links
  q         end"""


def show(client: Client, arguments: Namespace) -> Summary | None:
    """Show what goes through the proxies until a key ends it; where that cannot be, return it for one second."""
    pattern = _read_pattern(arguments.match)
    if arguments.once or arguments.json or not can_redraw(sys.stdout):
        return summarize(client, pattern)
    check_drawing()
    from vaurien.cli.ctl.top.watch import watch  # late: most commands do without rich

    watch(client, pattern)
    return None


def _read_pattern(text: str | None) -> Pattern | None:
    try:
        return None if text is None else Pattern.parse(text)
    except ValueError as error:
        raise ConfigError(str(error), 'match') from None


COMMANDS = (
    Command(
        'top',
        show,
        'show what goes through the proxies, and which requests are the busiest',
        """\
  vaurienctl top
      until q is pressed; other keys sort, filter, arm, disable and cut
  vaurienctl top --once
      what went through in a second: a table of the proxies, and one of the requests
  vaurienctl top --once --json --match "SET *"
      for programs; of the requests, only those that match""",
        print_summary,
        DESCRIPTION,
        arguments=(
            argument('--once', action='store_true', help='print what went through in one second, and end'),
            argument('--match', metavar='PATTERN', help='of the requests, show only those that match'),
        ),
        of_proxy=True,
    ),
)
