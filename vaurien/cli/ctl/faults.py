"""Commands on faults: the last ones, and those to come."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from vaurien.cli.ctl.command import Command, argument, spell_json
from vaurien.client import NOT_FOUND, Client
from vaurien.console.output import say, wait, warn
from vaurien.errors import ControlError, UnreachableError
from vaurien.records.faults import KEPT, Fault

#: Seconds between two looks for new ones.
PAUSE = 0.25


def list_faults(client: Client, arguments: Namespace) -> list[Fault] | None:
    """The last ones; or None, once all have been printed that anybody wanted to read."""
    if not arguments.follow:
        return client.faults()
    follow(client, spell_json if arguments.json else format_fault)
    return None


def show_faults(faults: Sequence[Fault]) -> None:
    """One a line."""
    if faults:
        say('\n'.join(map(format_fault, faults)))


def clear_faults(client: Client, arguments: Namespace) -> None:
    """Forget them."""
    client.clear_faults()


def follow(client: Client, spell: Callable[[Fault], str]) -> None:
    """Print the last faults and every one that comes, until nobody reads them.

    Raises `UnreachableError` when the proxy is gone.
    """
    for faults in watch(client.proxy(client.status()['name'])):
        if (faults and not say('\n'.join(map(spell, faults)))) or not wait(PAUSE):
            return


def watch(client: Client) -> Iterator[list[Fault]]:
    """Those that are new, again and again; of the first look, all."""
    seen: Fault | None = None
    while True:
        faults = _look(client)
        new = find_new(faults, seen)
        if seen is not None and len(new) == KEPT:
            warn('vaurienctl', f'more than {KEPT} faults between two looks: some are left out')
        if new:
            seen = new[-1]
        yield new


def _look(client: Client) -> list[Fault]:
    try:
        return client.faults()
    except ControlError as error:
        if error.status == NOT_FOUND:  # somebody deleted it
            raise UnreachableError(str(error), error.status) from None
        raise


def find_new(faults: list[Fault], seen: Fault | None) -> list[Fault]:
    """The end of *faults* from the one after *seen*; all, where that is not among them any more."""
    for i in reversed(range(len(faults))):
        if faults[i] == seen:
            return faults[i + 1 :]
    return faults


def format_fault(fault: Fault) -> str:
    """One fault on a line, like in the log of the proxy."""
    when = datetime.fromtimestamp(fault.time).isoformat(' ', 'milliseconds')
    return f'{when} link {fault.link} exchange {fault.exchange}: {fault.behavior} on {fault.request}'


COMMANDS = (
    Command(
        'faults',
        list_faults,
        'tell what was hit',
        """\
  vaurienctl faults
      the last ones, up to 1000
  vaurienctl faults --follow --proxy redis
      those of one proxy among several, and every new one until Ctrl-C
  vaurienctl faults --follow --json
      for programs: one JSON object a line""",
        show_faults,
        'Tell the last faults, one a line, the oldest first.',
        arguments=(argument('--follow', action='store_true', help='then every new one, until Ctrl-C'),),
        of_proxy=True,
    ),
    Command(
        'clear-faults',
        clear_faults,
        'forget what was hit',
        """\
  vaurienctl clear-faults
      faults tells none until there are new ones""",
        description='Have the proxy forget the faults that were until now.',
        of_proxy=True,
    ),
)
