"""The commands about faults: the last ones, and every new one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from vaurien.cli.ctl.command import AMBIGUOUS, Command, argument, ask_each
from vaurien.client import NOT_FOUND, Client
from vaurien.console.output import format_json, make_printable, print_line, wait, warn
from vaurien.errors import ControlError, UnreachableError
from vaurien.records.fault_log import KEPT
from vaurien.records.faults import Fault

#: How often to look for new faults, in seconds.
PAUSE = 0.25


def list_faults(client: Client, arguments: Namespace) -> Any:
    """Return the last faults. With --follow print them as they come, and return None once nobody reads them."""
    if not arguments.follow:
        return ask_each(client, Client.faults)
    follow(client, as_json=arguments.json)
    return None


def show_faults(faults: Sequence[Fault] | Mapping[str, Sequence[Fault]]) -> None:
    """Print each fault on a line, with its proxy first if there are several."""
    if isinstance(faults, Mapping):
        lines = [format_fault(fault, name) for name, own in faults.items() for fault in own]
    else:
        lines = list(map(format_fault, faults))
    if lines:
        print_line('\n'.join(lines))


def clear_faults(client: Client, arguments: Namespace) -> None:
    """Make the proxy forget its faults."""
    client.clear_faults()


def follow(client: Client, *, as_json: bool) -> None:
    """Print the last faults and then every new one, until nobody reads the output; of several proxies, those of all.

    Raise `UnreachableError` when the proxy is gone, if it was the only one.
    """
    only = find_only(client)
    if only is None:
        found = ([_format(fault, name, as_json) for name, fault in faults] for faults in watch_all(client))
    else:
        found = ([_format(fault, '', as_json) for fault in faults] for faults in watch(client.proxy(only)))
    for lines in found:
        if (lines and not print_line('\n'.join(lines))) or not wait(PAUSE):
            return


def find_only(client: Client) -> str | None:
    """Return the name of the proxy that *client* is for, None if it could be one of several."""
    try:
        return str(client.status()['name'])
    except ControlError as error:
        if error.status != AMBIGUOUS:
            raise
    return None


def watch_all(client: Client) -> Iterator[list[tuple[str, Fault]]]:
    """Yield the new faults of all proxies, each with the name of its proxy, again and again. Proxies come and go."""
    watched: dict[str, Iterator[list[Fault]]] = {}
    while True:
        watched = {name: watched.get(name) or watch(client.proxy(name)) for name in client.proxies()}
        new: list[tuple[str, Fault]] = []
        for name, faults in list(watched.items()):
            try:
                new += [(name, fault) for fault in next(faults)]
            except UnreachableError as error:
                if error.status != NOT_FOUND:
                    raise
                del watched[name]
        yield sorted(new, key=lambda one: one[1].time)


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


def _format(fault: Fault, proxy: str, as_json: bool) -> str:
    if not as_json:
        return format_fault(fault, proxy)
    return format_json({'proxy': proxy, **msgspec.structs.asdict(fault)} if proxy else fault)


def format_fault(fault: Fault, proxy: str = '') -> str:
    """Return a fault as a line, like in the log of the proxy, with the name of the *proxy* before it."""
    when = datetime.fromtimestamp(fault.time).isoformat(' ', 'milliseconds')
    text = f'{when} link {fault.link} exchange {fault.exchange}: {fault.behavior} on {fault.request}'
    return make_printable(f'{proxy}: {text}' if proxy else text)


COMMANDS = (
    Command(
        'faults',
        list_faults,
        'list the last faults',
        """\
  vaurienctl faults
      the last faults, up to 1000
  vaurienctl faults --follow
      every new one, too, until Ctrl-C; if there are several proxies, with its proxy first
  vaurienctl faults --follow --proxy redis
      those of one of several proxies
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
