"""Commands on links."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.cli.ctl.command import Command, argument
from vaurien.client import Client
from vaurien.console.parser import value_of
from vaurien.console.table import say_rows

COLUMNS = ('id', 'client', 'backend', 'age', 'upstream', 'downstream', 'exchanges', 'behavior', 'toxics')


def list_links(client: Client, arguments: Namespace) -> list[dict[str, Any]]:
    """Those that are open."""
    return client.links()


def show_links(links: Sequence[Mapping[str, Any]]) -> None:
    """One a line."""
    moved = [{**link, **link['bytes']} for link in links]
    say_rows(COLUMNS, [[link[column] for column in COLUMNS] for link in moved], 'no links')


def cut_link(client: Client, arguments: Namespace) -> None:
    """Close one."""
    client.cut_link(arguments.number)


COMMANDS = (
    Command(
        'links',
        list_links,
        'list what is connected',
        """\
  vaurienctl links
      every open link of the only proxy
  vaurienctl links --proxy redis --json
      the same of one among several, for programs""",
        show_links,
        'List the open links: id, client, backend, age in seconds, bytes from the client and from the backend,\n'
        'exchanges, the behavior that is at work, and toxics.',
        of_proxy=True,
    ),
    Command(
        'cut-link',
        cut_link,
        'cut one link',
        """\
  vaurienctl cut-link 3
      both connections of link 3 are closed, whatever is under way""",
        description='Close both connections of a link.',
        arguments=(argument('number', metavar='ID', type=value_of(int), help='as links and faults tell it'),),
        of_proxy=True,
    ),
)
