"""The commands about proxies: which there are, where each listens and connects to, and whether it listens."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.cli.ctl.command import Command, argument
from vaurien.cli.ctl.tls import declare_flags, read_flags
from vaurien.cli.ctl.toxics import PROXY, show_toxics
from vaurien.client import Client
from vaurien.console.output import is_terminal, make_printable, print_line
from vaurien.console.table import print_rows
from vaurien.toxiproxy.answers import ProxyAnswer

#: The columns of Toxiproxy's command, and one more.
COLUMNS = ('name', 'listen', 'upstream', 'enabled', 'toxics', 'protocol')

CREATE = """\
Create a proxy and print where it listens. Without --listen it takes a free port of this machine."""


def get_backend(client: Client, arguments: Namespace) -> str:
    """Return the address of the backend."""
    return client.get_backend()


def set_backend(client: Client, arguments: Namespace) -> None:
    """Change the backend."""
    client.set_backend(arguments.backend)


def list_proxies(client: Client, arguments: Namespace) -> dict[str, ProxyAnswer]:
    """Return all proxies, by name."""
    return client.proxies()


def show_proxies(proxies: Mapping[str, Mapping[str, Any]]) -> None:
    """Print each proxy on a line."""
    _show_rows(list(proxies.values()))


def show_proxy(proxy: Mapping[str, Any]) -> None:
    """Print a proxy as `show_proxies` does."""
    _show_rows([proxy])


def create(client: Client, arguments: Namespace) -> ProxyAnswer:
    """Create a proxy and return it."""
    bound = client.create_proxy(
        arguments.owner,
        arguments.listen,
        arguments.upstream,
        arguments.protocol,
        enabled=not arguments.disabled,
        addressed=arguments.addressed or None,
        **read_flags(arguments),
    )
    return bound.inspect()


def delete(client: Client, arguments: Namespace) -> None:
    """Delete a proxy."""
    client.proxy(arguments.owner).delete()


def enable(client: Client, arguments: Namespace) -> ProxyAnswer:
    """Make a proxy listen, and return it: it may have another port than before."""
    proxy = client.proxy(arguments.owner)
    proxy.enable()
    return proxy.inspect()


def disable(client: Client, arguments: Namespace) -> ProxyAnswer:
    """Make a proxy stop listening, and return it."""
    proxy = client.proxy(arguments.owner)
    proxy.disable()
    return proxy.inspect()


def inspect(client: Client, arguments: Namespace) -> ProxyAnswer:
    """Return a proxy with its toxics."""
    return client.proxy(arguments.owner).inspect()


def show_inspected(proxy: Mapping[str, Any]) -> None:
    """Print each toxic of a proxy on a line; in a terminal, a line about the proxy comes first."""
    if is_terminal(sys.stdout):
        name, listen, upstream, enabled, _, protocol = _make_row(proxy)
        print_line(make_printable(f'{name}: {listen} -> {upstream} ({protocol}), {enabled}'))
    show_toxics(proxy['toxics'])


def reset(client: Client, arguments: Namespace) -> None:
    """Reset all proxies."""
    client.reset()


def _show_rows(proxies: Sequence[Mapping[str, Any]]) -> None:
    print_rows(COLUMNS, map(_make_row, proxies), 'no proxies')


def _make_row(proxy: Mapping[str, Any]) -> tuple[Any, ...]:
    enabled = 'enabled' if proxy['enabled'] else 'disabled'
    protocol = proxy.get('protocol', 'tcp')
    return proxy['name'], proxy['listen'], proxy['upstream'], enabled, len(proxy['toxics']), protocol


COMMANDS = (
    Command(
        'get-backend',
        get_backend,
        'print the address of the backend',
        """\
  vaurienctl get-backend
      such as localhost:6379""",
        description='Print the address of the backend.',
        of_proxy=True,
    ),
    Command(
        'set-backend',
        set_backend,
        'change the backend',
        """\
  vaurienctl set-backend localhost:6380
      clients notice as little as their protocol allows""",
        description='Change the backend, from the next exchange on.',
        arguments=(
            argument(
                'backend',
                metavar='HOST:PORT',
                help='the address of the new backend, or its URL: redis://localhost:6380',
            ),
        ),
        of_proxy=True,
    ),
    Command(
        'proxy list',
        list_proxies,
        'list the proxies',
        """\
  vaurienctl proxy list
      each on a line: name, listen, upstream, enabled or disabled, number of toxics, protocol
  vaurienctl proxy list --json
      with their toxics, for programs""",
        show_proxies,
        'List all proxies of the process.',
    ),
    Command(
        'proxy create',
        create,
        'create a proxy',
        """\
  vaurienctl proxy create cache --upstream localhost:6379 --protocol redis
      on a free port of this machine
  vaurienctl proxy create sessions --upstream redis://localhost:6379/0
      the protocol is in the URL, as an application has it
  vaurienctl proxy create db --listen localhost:15432 --upstream localhost:5432 --protocol postgres --disabled
      a proxy that does not listen until it is enabled
  vaurienctl proxy create api --upstream api.example.com:443 --protocol http --tls auto
      a proxy that speaks TLS on both sides; vaurienctl ca prints whom its clients have to trust""",
        show_proxy,
        CREATE,
        arguments=(
            argument('owner', metavar='PROXY', help='the name of the proxy'),
            argument(
                '-l',
                '--listen',
                metavar='HOST:PORT',
                default='localhost:0',
                help='where clients connect (default localhost:0)',
            ),
            argument(
                '-u', '--upstream', metavar='HOST:PORT|URL', required=True, help='the address or URL of the backend'
            ),
            argument('--protocol', metavar='NAME', help='the protocol (default that of the URL, else tcp)'),
            argument('--disabled', action='store_true', help='do not listen yet'),
            argument('--addressed', action='store_true', help='let requests ask for faults themselves'),
            *declare_flags(),
        ),
    ),
    Command(
        'proxy delete',
        delete,
        'delete a proxy',
        """\
  vaurienctl proxy delete redis
      its links are closed; its name and its port are free""",
        description='Stop a proxy, close its links, and forget it.',
        arguments=(PROXY,),
    ),
    Command(
        'proxy enable',
        enable,
        'make a proxy listen',
        """\
  vaurienctl proxy enable redis
      on the same port as before, with the same toxics""",
        show_proxy,
        'Make a proxy listen that does not.',
        arguments=(PROXY,),
    ),
    Command(
        'proxy disable',
        disable,
        'make a proxy stop listening',
        """\
  vaurienctl proxy disable redis
      as if the backend were down: links are closed, new connections are refused""",
        show_proxy,
        'Make a proxy close its links and stop listening. It keeps its toxics and what is armed.',
        arguments=(PROXY,),
    ),
    Command(
        'proxy inspect',
        inspect,
        'list the toxics of a proxy',
        """\
  vaurienctl proxy inspect redis
      each on a line: name, type, stream, toxicity, attributes""",
        show_inspected,
        'List the toxics of a proxy.',
        arguments=(PROXY,),
    ),
    Command(
        'reset',
        reset,
        'reset all proxies',
        """\
  vaurienctl reset
      no toxics, the configured rules are armed, and every proxy listens""",
        description='Reset every proxy: remove its toxics, arm the rules of its configuration, and make it listen.',
    ),
)
