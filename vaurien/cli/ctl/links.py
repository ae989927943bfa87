"""The commands about links."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from vaurien.cli.ctl.command import Answer, Command, argument, ask_each, print_each
from vaurien.client import Client
from vaurien.console.parser import value_of

COLUMNS = ('id', 'client', 'backend', 'age', 'upstream', 'downstream', 'exchanges', 'behavior', 'toxics')


def list_links(client: Client, arguments: Namespace) -> Any:
    """Return the open links; if there are several proxies, those of each by its name."""
    return ask_each(client, Client.links)


def show_links(links: Answer) -> None:
    """Print each link on a line, with its proxy first if there are several."""
    print_each(COLUMNS, links, 'no links', lambda link: {**link, **link['bytes']})


def cut_link(client: Client, arguments: Namespace) -> None:
    """Close a link."""
    client.cut_link(arguments.number)


COMMANDS = (
    Command(
        'links',
        list_links,
        'list the open links',
        """\
  vaurienctl links
      every open link; if there are several proxies, with its proxy first
  vaurienctl links --proxy redis --json
      those of one of several proxies, for programs""",
        show_links,
        'List the open links: id, client, backend, age in seconds, bytes from the client and from the backend,\n'
        'exchanges, the behavior that is being applied, and toxics.',
        of_proxy=True,
    ),
    Command(
        'cut-link',
        cut_link,
        'close a link',
        """\
  vaurienctl cut-link 3
      both connections of link 3 are closed at once""",
        description='Close both connections of a link.',
        arguments=(argument('number', metavar='ID', type=value_of(int), help='the id that links and faults print'),),
        of_proxy=True,
    ),
)
