"""The commands about requests that the behavior ``hold`` holds."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from vaurien.cli.ctl.command import Answer, Command, argument, ask_each, print_each
from vaurien.cli.ctl.options import parse_options
from vaurien.client import Client
from vaurien.console.parser import value_of
from vaurien.rules.grammar import format_call

COLUMNS = ('id', 'link', 'client', 'request', 'seconds', 'left')

NUMBER = argument('number', metavar='ID', type=value_of(int), help='the id that held list prints')


def list_held(client: Client, arguments: Namespace) -> Any:
    """Return the requests that are held; if there are several proxies, those of each by its name."""
    return ask_each(client, Client.held)


def show_held(held: Answer) -> None:
    """Print each request on a line, with its proxy first if there are several."""
    print_each(COLUMNS, held, 'no requests')


def let_pass(client: Client, arguments: Namespace) -> None:
    """Let a request go to the backend."""
    client.decide(arguments.number, 'pass')


def answer(client: Client, arguments: Namespace) -> None:
    """Answer a request with an error."""
    client.decide(arguments.number, format_call('error', parse_options(arguments.options)))


def cut(client: Client, arguments: Namespace) -> None:
    """Close the connection of a request."""
    client.decide(arguments.number, 'cut')


COMMANDS = (
    Command(
        'held list',
        list_held,
        'list the requests that are held',
        """\
  vaurienctl held list
      every request that is held; if there are several proxies, with its proxy first
  vaurienctl held list --proxy redis --json
      those of one of several proxies, for programs""",
        show_held,
        'List the requests that are held: id, link, client, request, the seconds since it came, and the seconds that\n'
        'are left until it passes if nobody decides.',
        of_proxy=True,
    ),
    Command(
        'held pass',
        let_pass,
        'let a request go on',
        """\
  vaurienctl held pass 3
      request 3 goes to the backend""",
        description='Let a request go to the backend.',
        arguments=(NUMBER,),
        of_proxy=True,
    ),
    Command(
        'held error',
        answer,
        'answer a request with an error',
        """\
  vaurienctl held error 3
      the usual error of the protocol
  vaurienctl held error 3 --close
      the same, and behind it the connection ends""",
        description='Answer a request with an error of the protocol, which has the options of the behavior error:\n'
        '--code 503 for HTTP.',
        arguments=(NUMBER,),
        option='OPTION',
        of_proxy=True,
    ),
    Command(
        'held cut',
        cut,
        'close the connection of a request',
        """\
  vaurienctl held cut 3
      the client of request 3 sees a closed connection, and the backend never sees the request""",
        description='Close both connections of the link on which a request is held.',
        arguments=(NUMBER,),
        of_proxy=True,
    ),
)
