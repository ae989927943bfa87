"""Commands on proxies: which there are, whether each listens, and where it connects to."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.cli.ctl.command import Command, argument
from vaurien.cli.ctl.toxics import PROXY, show_toxics
from vaurien.client import Client
from vaurien.console.output import say
from vaurien.console.table import is_terminal, say_rows

#: As those who know Toxiproxy's command expect them, and what it does not have.
COLUMNS = ('name', 'listen', 'upstream', 'enabled', 'toxics', 'protocol')

CREATE = """\
Start one more proxy, and tell where it listens. Without --listen it takes a free port of this machine."""


def get_backend(client: Client, arguments: Namespace) -> str:
    """The backend."""
    return client.get_backend()


def set_backend(client: Client, arguments: Namespace) -> None:
    """Change it."""
    client.set_backend(arguments.backend)


def list_proxies(client: Client, arguments: Namespace) -> dict[str, Any]:
    """All, by name."""
    return client.proxies()


def show_proxies(proxies: Mapping[str, Mapping[str, Any]]) -> None:
    """One a line."""
    _show_rows(list(proxies.values()))


def show_proxy(proxy: Mapping[str, Any]) -> None:
    """The same of one."""
    _show_rows([proxy])


def create(client: Client, arguments: Namespace) -> dict[str, Any]:
    """One more; gives it."""
    bound = client.create_proxy(
        arguments.owner, arguments.listen, arguments.upstream, arguments.protocol, enabled=not arguments.disabled
    )
    return bound.inspect()


def delete(client: Client, arguments: Namespace) -> None:
    """Forget one."""
    client.proxy(arguments.owner).delete()


def enable(client: Client, arguments: Namespace) -> dict[str, Any]:
    """Have it listen; gives it, for that may be on a port it did not have before."""
    proxy = client.proxy(arguments.owner)
    proxy.enable()
    return proxy.inspect()


def disable(client: Client, arguments: Namespace) -> dict[str, Any]:
    """Have it listen no more; gives it."""
    proxy = client.proxy(arguments.owner)
    proxy.disable()
    return proxy.inspect()


def inspect(client: Client, arguments: Namespace) -> dict[str, Any]:
    """One with its toxics."""
    return client.proxy(arguments.owner).inspect()


def show_inspected(proxy: Mapping[str, Any]) -> None:
    """Its toxics, one a line, and for people a line on itself."""
    if is_terminal():
        name, listen, upstream, enabled, _, protocol = _make_row(proxy)
        say(f'{name}: {listen} -> {upstream} ({protocol}), {enabled}')
    show_toxics(proxy['toxics'])


def reset(client: Client, arguments: Namespace) -> None:
    """All well again."""
    client.reset()


def _show_rows(proxies: Sequence[Mapping[str, Any]]) -> None:
    say_rows(COLUMNS, map(_make_row, proxies), 'no proxies')


def _make_row(proxy: Mapping[str, Any]) -> tuple[Any, ...]:
    enabled = 'enabled' if proxy['enabled'] else 'disabled'
    protocol = proxy.get('protocol', 'tcp')
    return proxy['name'], proxy['listen'], proxy['upstream'], enabled, len(proxy['toxics']), protocol


COMMANDS = (
    Command(
        'get-backend',
        get_backend,
        'tell what is behind the proxy',
        """\
  vaurienctl get-backend
      localhost:6379, say""",
        description='Tell the address behind the proxy.',
        of_proxy=True,
    ),
    Command(
        'set-backend',
        set_backend,
        'put another backend behind it',
        """\
  vaurienctl set-backend localhost:6380
      clients notice as little of it as their protocol allows""",
        description='Send exchanges elsewhere from the next one on.',
        arguments=(argument('backend', metavar='HOST:PORT', help='where'),),
        of_proxy=True,
    ),
    Command(
        'proxy list',
        list_proxies,
        'which there are',
        """\
  vaurienctl proxy list
      one a line: name, listen, upstream, enabled or disabled, how many toxics, protocol
  vaurienctl proxy list --json
      with their toxics, for programs""",
        show_proxies,
        'List all proxies of the process.',
    ),
    Command(
        'proxy create',
        create,
        'start one more',
        """\
  vaurienctl proxy create cache --upstream localhost:6379 --protocol redis
      on a free port of this machine
  vaurienctl proxy create db --listen localhost:15432 --upstream localhost:5432 --protocol postgres --disabled
      known, and listening once it is enabled""",
        show_proxy,
        CREATE,
        arguments=(
            argument('owner', metavar='PROXY', help='the name it is to have'),
            argument(
                '-l',
                '--listen',
                metavar='HOST:PORT',
                default='localhost:0',
                help='where clients connect (default localhost:0)',
            ),
            argument('-u', '--upstream', metavar='HOST:PORT', required=True, help='what they are joined to'),
            argument('--protocol', metavar='NAME', default='tcp', help='what is spoken (default tcp)'),
            argument('--disabled', action='store_true', help='do not listen yet'),
        ),
    ),
    Command(
        'proxy delete',
        delete,
        'stop and forget one',
        """\
  vaurienctl proxy delete redis
      its links are closed, its name and its port are free""",
        description='Stop a proxy, close its links, and forget it.',
        arguments=(PROXY,),
    ),
    Command(
        'proxy enable',
        enable,
        'have one listen',
        """\
  vaurienctl proxy enable redis
      on the port that it had, with the toxics that it had""",
        show_proxy,
        'Have a proxy listen that does not.',
        arguments=(PROXY,),
    ),
    Command(
        'proxy disable',
        disable,
        'have one listen no more',
        """\
  vaurienctl proxy disable redis
      the backend is down: links are closed, new ones are refused""",
        show_proxy,
        'Have a proxy close its links and listen no more. It keeps its toxics and what is armed.',
        arguments=(PROXY,),
    ),
    Command(
        'proxy inspect',
        inspect,
        'tell its toxics',
        """\
  vaurienctl proxy inspect redis
      one toxic a line: name, type, stream, toxicity, attributes""",
        show_inspected,
        'Tell the toxics of a proxy.',
        arguments=(PROXY,),
    ),
    Command(
        'reset',
        reset,
        'all well again',
        """\
  vaurienctl reset
      no toxics, what was configured is armed, and every proxy listens""",
        description='All well again, for every proxy: no toxics, what was configured is armed, and enabled.',
    ),
)
