"""The command about the journal."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from vaurien.cli.ctl.command import Command, argument
from vaurien.client import NOT_FOUND, Client
from vaurien.console.output import format_json, make_printable, print_line, wait, warn
from vaurien.console.parser import value_of
from vaurien.errors import ControlError, UnreachableError
from vaurien.records.entry import Entry
from vaurien.records.page import JournalPage, Limit

#: How often to look for new exchanges, in seconds.
PAUSE = 0.25


def list_exchanges(client: Client, arguments: Namespace) -> Any:
    """Return the last exchanges. With --follow print them as they come, and return None once nobody reads them."""
    if not arguments.follow:
        return client.journal(arguments.limit)
    follow(client, arguments.limit, as_json=arguments.json)
    return None


def follow(client: Client, limit: int | None, *, as_json: bool) -> None:
    """Print the last exchanges, up to *limit*, and then every new one, until nobody reads the output.

    Raise `UnreachableError` when the process is gone, or the proxy.
    """
    for page in watch(client, limit):
        if page.lost:
            warn('vaurienctl', f'{page.lost} exchanges are left out: there are too many at once')
        lines = [format_json(entry) if as_json else format_entry(entry) for entry in page.entries]
        if (lines and not print_line('\n'.join(lines))) or not (page.entries or wait(PAUSE)):
            return


def watch(client: Client, limit: int | None) -> Iterator[JournalPage]:
    """Yield the last exchanges, and then, again and again, those that are new."""
    page = client.journal_page(limit=limit)
    while True:
        yield page
        try:
            page = client.journal_page(page.last)
        except ControlError as error:
            if error.status == NOT_FOUND:  # the proxy was deleted, or the process has been started anew
                raise UnreachableError(str(error), error.status) from None
            raise


def show_exchanges(entries: list[Entry]) -> None:
    """Print each exchange on a line."""
    if entries:
        print_line('\n'.join(map(format_entry, entries)))


def format_entry(entry: Entry) -> str:
    """Return an exchange as a line: when, where, which request, what was answered, and which fault was applied."""
    when = datetime.fromtimestamp(entry.time).isoformat(' ', 'milliseconds')
    reply = 'no reply' if entry.reply is None else entry.reply.value
    after = '' if entry.seconds is None else f' after {1000 * entry.seconds:.1f} ms'
    told = [entry.effect.value, f'{reply}{after}']
    told += [] if entry.behavior is None else [f'fault: {entry.behavior}']
    place = f'{entry.proxy}: link {entry.link} exchange {entry.exchange}'
    return make_printable(f'{when} {place}: {entry.request} #{entry.nth}: {", ".join(told)}')


COMMANDS = (
    Command(
        'journal',
        list_exchanges,
        'list the last exchanges',
        """\
  vaurienctl journal
      the last exchanges of all proxies, up to 1000
  vaurienctl journal --follow --limit 10
      the last ten and every new one, until Ctrl-C
  vaurienctl journal --follow --proxy redis --json
      those of one proxy, for programs: each exchange is a line with a JSON object""",
        show_exchanges,
        'List the last exchanges, each on a line, in the order in which they were over: proxy, link, exchange,\n'
        'the request and its number among those with the same text, what it does, and what was answered.\n'
        'Vaurien has to be started with --journal FILE.',
        arguments=(
            argument('-f', '--follow', action='store_true', help='then print every new exchange, until Ctrl-C'),
            argument('--limit', metavar='N', type=value_of(Limit), help='print only the last N'),
        ),
        of_proxy=True,
    ),
)
