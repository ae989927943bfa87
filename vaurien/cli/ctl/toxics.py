"""Commands on toxics."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.cli.ctl.command import Command, argument
from vaurien.cli.ctl.options import add_attributes, parse_options
from vaurien.client import Client
from vaurien.console.parser import value_of
from vaurien.console.table import say_rows
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import did_you_mean

COLUMNS = ('name', 'type', 'stream', 'toxicity', 'attributes')

ADD = """\
Put a toxic on a stream of a proxy, behind those that there are, on links that are open, too. TOXIC is what
vaurien --toxic takes: "latency(latency=200, jitter=50)@upstream", or its type alone, with flags for the rest.
Without a stream it is the downstream, from the backend to the client. Types: latency, bandwidth, slicer, slow_close,
timeout, reset_peer, limit_data, packet_loss, corrupt, duplicate, noop. Who gives a wrong attribute is told the right
ones."""

UPDATE = """\
Change the toxicity or attributes of a toxic, on links that are open, too. What is not given stays as it is."""

PROXY = argument('owner', metavar='PROXY', help='its name; the only one, if it has none, is called vaurien')
TOXIC = argument('toxic', metavar='TOXIC', help='its name, as proxy inspect tells it')
TOXICITY = argument(
    '--toxicity', metavar='P', type=value_of(float), help='the probability, from 0 to 1, that a link gets it'
)


def add(client: Client, arguments: Namespace) -> dict[str, Any]:
    """Put one on; gives it."""
    from vaurien.rules.toxics import parse_toxics  # late: it looks for what is installed

    given = {'name': arguments.name, 'toxicity': arguments.toxicity}
    options = {name: value for name, value in given.items() if value is not None} | parse_options(arguments.options)
    entry, *more = parse_toxics(add_attributes(arguments.toxic, options, arguments.stream))
    if more:
        raise OptionError(f'{arguments.toxic!r} are several toxics: add them one by one')
    return client.proxy(arguments.owner).add_toxic(
        entry.type, stream=entry.stream, toxicity=entry.toxicity, name=entry.name, **entry.attributes
    )


def update(client: Client, arguments: Namespace) -> dict[str, Any]:
    """Change one; gives it."""
    from vaurien.toxics import Toxic  # late, likewise

    proxy = client.proxy(arguments.owner)
    types = {toxic['name']: toxic['type'] for toxic in proxy.toxics()}
    if arguments.toxic not in types:
        raise ConfigError(f'there is no toxic {arguments.toxic!r}, {did_you_mean(arguments.toxic, list(types))}')
    attributes = Toxic.get(types[arguments.toxic]).check(parse_options(arguments.options), text=True)
    if arguments.toxicity is None and not attributes:
        raise OptionError('nothing to change: give --toxicity P or --ATTRIBUTE VALUE')
    return proxy.update_toxic(arguments.toxic, toxicity=arguments.toxicity, **attributes)


def remove(client: Client, arguments: Namespace) -> None:
    """Take one away."""
    client.proxy(arguments.owner).remove_toxic(arguments.toxic)


def show_toxics(toxics: Sequence[Mapping[str, Any]]) -> None:
    """One a line."""
    say_rows(COLUMNS, [[toxic[column] for column in COLUMNS] for toxic in toxics], 'no toxics')


def show_toxic(toxic: Mapping[str, Any]) -> None:
    """The same of one."""
    show_toxics([toxic])


COMMANDS = (
    Command(
        'toxic add',
        add,
        'put one on a stream',
        """\
  vaurienctl toxic add redis "latency(latency=200, jitter=50)@downstream"
      every reply is late
  vaurienctl toxic add redis bandwidth --rate 100 --stream upstream --toxicity 0.5 --name thin
      half of the links take no more than 100 KB a second""",
        show_toxic,
        ADD,
        arguments=(
            PROXY,
            argument('toxic', metavar='TOXIC', help='its type, with attributes and stream or without'),
            argument('--stream', metavar='upstream|downstream', help='where (default downstream)'),
            argument('--name', metavar='NAME', help='what it is known by (default TYPE_STREAM)'),
            TOXICITY,
        ),
        option='ATTRIBUTE',
    ),
    Command(
        'toxic update',
        update,
        'change one',
        """\
  vaurienctl toxic update redis latency_downstream --latency 500
      later still
  vaurienctl toxic update redis latency_downstream --toxicity 0.1
      on one link in ten""",
        show_toxic,
        UPDATE,
        arguments=(PROXY, TOXIC, TOXICITY),
        option='ATTRIBUTE',
    ),
    Command(
        'toxic remove',
        remove,
        'take one away',
        """\
  vaurienctl toxic remove redis latency_downstream
      what waits in it goes on at once""",
        description='Take a toxic away, from links that are open, too.',
        arguments=(PROXY, TOXIC),
    ),
)
