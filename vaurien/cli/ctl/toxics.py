"""The commands about toxics."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.cli.ctl.command import Command, argument
from vaurien.cli.ctl.options import add_attributes, parse_options
from vaurien.client import Client
from vaurien.console.parser import value_of
from vaurien.console.table import print_rows
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import did_you_mean
from vaurien.records.status import ToxicStatus

COLUMNS = ('name', 'type', 'stream', 'toxicity', 'attributes')

ADD = """\
Add a toxic to a stream of a proxy, behind the others, on open links, too. TOXIC is what vaurien --toxic takes:
"latency(latency=200, jitter=50)@upstream", or a type alone, with flags for the rest. Without a stream it is the
downstream, from the backend to the client. Types: latency, bandwidth, slicer, slow_close, timeout, reset_peer,
limit_data, packet_loss, corrupt, duplicate, noop. Plug-ins may bring more. The error for a wrong attribute names the
right ones."""

UPDATE = """\
Change the toxicity or the attributes of a toxic, on open links, too. What is not given stays as it is."""

PROXY = argument('owner', metavar='PROXY', help='the name of the proxy; an only proxy without a name is called vaurien')
TOXIC = argument('toxic', metavar='TOXIC', help='the name of the toxic, as proxy inspect prints it')
TOXICITY = argument(
    '--toxicity', metavar='P', type=value_of(float), help='the probability, from 0 to 1, that a link gets the toxic'
)


def add(client: Client, arguments: Namespace) -> ToxicStatus:
    """Add a toxic and return it."""
    from vaurien.rules.toxics import parse_toxics  # late: it looks for installed plug-ins

    given = {'name': arguments.name, 'toxicity': arguments.toxicity}
    options = {name: value for name, value in given.items() if value is not None} | parse_options(arguments.options)
    rule, *more = parse_toxics(add_attributes(arguments.toxic, options, arguments.stream))
    if more:
        raise OptionError(f'{arguments.toxic!r} has several toxics: add them one by one')
    return client.proxy(arguments.owner).add_toxic(
        rule.type,
        stream=rule.stream,
        toxicity=rule.toxicity,
        name=rule.name,
        client=None if rule.client is None else str(rule.client),
        **rule.attributes,
    )


def update(client: Client, arguments: Namespace) -> ToxicStatus:
    """Change a toxic and return it."""
    from vaurien.toxics import Toxic  # late: it looks for installed plug-ins

    proxy = client.proxy(arguments.owner)
    types = {toxic['name']: toxic['type'] for toxic in proxy.toxics()}
    if arguments.toxic not in types:
        raise ConfigError(f'there is no toxic {arguments.toxic!r}, {did_you_mean(arguments.toxic, list(types))}')
    attributes = Toxic.get(types[arguments.toxic]).check(parse_options(arguments.options), text=True)
    if arguments.toxicity is None and not attributes:
        raise OptionError('nothing to change: give --toxicity P or --ATTRIBUTE VALUE')
    return proxy.update_toxic(arguments.toxic, toxicity=arguments.toxicity, **attributes)


def remove(client: Client, arguments: Namespace) -> None:
    """Remove a toxic."""
    client.proxy(arguments.owner).remove_toxic(arguments.toxic)


def show_toxics(toxics: Sequence[Mapping[str, Any]]) -> None:
    """Print each toxic on a line."""
    print_rows(COLUMNS, [[toxic[column] for column in COLUMNS] for toxic in toxics], 'no toxics')


def show_toxic(toxic: Mapping[str, Any]) -> None:
    """Print a toxic as `show_toxics` does."""
    show_toxics([toxic])


COMMANDS = (
    Command(
        'toxic add',
        add,
        'add a toxic to a stream',
        """\
  vaurienctl toxic add redis "latency(latency=200, jitter=50)@downstream"
      every reply is late
  vaurienctl toxic add redis bandwidth --rate 100 --stream upstream --toxicity 0.5 --name thin
      half of the links carry no more than 100 KB a second to the backend""",
        show_toxic,
        ADD,
        arguments=(
            PROXY,
            argument('toxic', metavar='TOXIC', help='the type of the toxic, with or without attributes and a stream'),
            argument('--stream', metavar='upstream|downstream|both', help='the stream (default downstream)'),
            argument('--name', metavar='NAME', help='the name of the toxic (default TYPE_STREAM)'),
            TOXICITY,
        ),
        option='ATTRIBUTE',
    ),
    Command(
        'toxic update',
        update,
        'change a toxic',
        """\
  vaurienctl toxic update redis latency_downstream --latency 500
      replies are half a second late
  vaurienctl toxic update redis latency_downstream --toxicity 0.1
      the toxic is on one link in ten""",
        show_toxic,
        UPDATE,
        arguments=(PROXY, TOXIC, TOXICITY),
        option='ATTRIBUTE',
    ),
    Command(
        'toxic remove',
        remove,
        'remove a toxic',
        """\
  vaurienctl toxic remove redis latency_downstream
      the bytes that wait in it go on at once""",
        description='Remove a toxic, from open links, too.',
        arguments=(PROXY, TOXIC),
    ),
)
