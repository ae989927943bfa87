"""The commands about faults: the last ones, and every new one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from vaurien.cli.ctl.command import Command, argument, ask_each, format_json
from vaurien.client import NOT_FOUND, Client
from vaurien.console.output import make_printable, print_line, wait, warn
from vaurien.errors import ControlError, UnreachableError
from vaurien.records.fault_log import KEPT
from vaurien.records.faults import Fault

#: How often to look for new faults, in seconds.
PAUSE = 0.25


def list_faults(client: Client, arguments: Namespace) -> Any:
    """Return the last faults. With --follow print them as they come, and return None once nobody reads them."""
    if not arguments.follow:
        return ask_each(client, Client.faults)
    follow(client, format_json if arguments.json else format_fault)
    return None


def show_faults(faults: Sequence[Fault] | Mapping[str, Sequence[Fault]]) -> None:
    """Print each fault on a line, with its proxy first if there are several."""
    if isinstance(faults, Mapping):
        lines = [f'{make_printable(name)}: {format_fault(fault)}' for name, own in faults.items() for fault in own]
    else:
        lines = list(map(format_fault, faults))
    if lines:
        print_line('\n'.join(lines))


def clear_faults(client: Client, arguments: Namespace) -> None:
    """Make the proxy forget its faults."""
    client.clear_faults()


def follow(client: Client, format_: Callable[[Fault], str]) -> None:
    """Print the last faults and then every new one, until nobody reads the output.

    Raise `UnreachableError` when the proxy is gone.
    """
    for faults in watch(client.proxy(client.status()['name'])):
        if (faults and not print_line('\n'.join(map(format_, faults)))) or not wait(PAUSE):
            return


def watch(client: Client) -> Iterator[list[Fault]]:
    """Yield the new faults, again and again. The first time they are the last faults of the proxy."""
    seen: Fault | None = None
    while True:
        faults = _look(client)
        new = find_new(faults, seen)
        if seen is not None and len(new) == KEPT:
            warn('vaurienctl', f'more than {KEPT} faults at once: some are left out')
        if new:
            seen = new[-1]
        yield new


def _look(client: Client) -> list[Fault]:
    try:
        return client.faults()
    except ControlError as error:
        if error.status == NOT_FOUND:  # the proxy was deleted
            raise UnreachableError(str(error), error.status) from None
        raise


def find_new(faults: list[Fault], seen: Fault | None) -> list[Fault]:
    """Return the *faults* after *seen*; all of them if *seen* is no longer among them."""
    for i in reversed(range(len(faults))):
        if faults[i] == seen:
            return faults[i + 1 :]
    return faults


def format_fault(fault: Fault) -> str:
    """Return a fault as a line, like in the log of the proxy."""
    when = datetime.fromtimestamp(fault.time).isoformat(' ', 'milliseconds')
    text = f'{when} link {fault.link} exchange {fault.exchange}: {fault.behavior} on {fault.request}'
    return make_printable(text)


COMMANDS = (
    Command(
        'faults',
        list_faults,
        'list the last faults',
        """\
  vaurienctl faults
      the last faults, up to 1000
  vaurienctl faults --follow --proxy redis
      the faults of one of several proxies, and every new one until Ctrl-C
  vaurienctl faults --follow --json
      for programs: each fault is a line with a JSON object""",
        show_faults,
        'List the last faults, each on a line, the oldest first.',
        arguments=(argument('--follow', action='store_true', help='then print every new fault, until Ctrl-C'),),
        of_proxy=True,
    ),
    Command(
        'clear-faults',
        clear_faults,
        'forget the last faults',
        """\
  vaurienctl clear-faults
      the command faults lists nothing until there are new faults""",
        description='Make the proxy forget the faults until now.',
        of_proxy=True,
    ),
)
