"""The command ``status``: everything about a proxy."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from vaurien.cli.ctl.command import Command, ask_each
from vaurien.client import Client
from vaurien.console.output import format_json, make_printable, print_line
from vaurien.console.table import print_rows

#: What is printed of each of several proxies.
COLUMNS = ('enabled', 'listen', 'backend', 'protocol', 'behavior', 'links', 'exchanges')


def get_status(client: Client, arguments: Namespace) -> Any:
    """Return everything about the proxy; if there are several, about each by its name."""
    return ask_each(client, Client.status)


def show_status(status: Mapping[str, Any]) -> None:
    """Print a line for each field, with the values below each other. Of several proxies, print each on a line."""
    if all(isinstance(one, dict) and 'pid' in one for one in status.values()):
        found = [
            {**one, 'proxy': name, 'listen': one['proxy'], 'links': one['links']['open']}
            for name, one in status.items()
        ]
        print_rows(('proxy', *COLUMNS), [[one['proxy'], *(one[column] for column in COLUMNS)] for one in found])
        return
    lines = _flatten('', status)  # not by name: one behavior may have several rules
    width = max(len(name) for name, _ in lines)
    print_line('\n'.join(make_printable(f'{name:{width}}  {text}') for name, text in lines))


def _flatten(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, list):
        return [(f'{prefix}{_name_entry(entry, number)}', _format_entry(entry)) for number, entry in enumerate(value)]
    if isinstance(value, dict):
        inner = [line for key, item in value.items() for line in _flatten(f'{prefix}.{key}'.lstrip('.'), item)]
        return inner or [(prefix, 'none')]
    if value is None:
        return [(prefix, 'none')]
    return [(prefix, value if isinstance(value, str) else format_json(value))]


def _name_entry(entry: Any, number: int) -> str:
    """Return what is behind the name of a list: the name of one of its entries, or the number, from 0."""
    return f'.{entry["name"]}' if isinstance(entry, dict) and 'name' in entry else f'[{number}]'


def _format_entry(entry: Any) -> str:
    """Return the text of a toxic, of a rule, or of whatever else is in a list."""
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, dict) or not {'attributes', 'options'} & entry.keys():
        return format_json(entry)
    if 'attributes' in entry:
        attributes = [f'{name} {format_json(value)}' for name, value in entry['attributes'].items()]
        return ', '.join([f'{entry["type"]} {entry["stream"]}', *attributes, f'toxicity {entry["toxicity"]:g}'])
    given = [f'{name} {format_json(value)}' for name, value in entry['options'].items() if value is not None]
    counts = [f'{name} {entry[name]}' for name in ('seen', 'matched', 'hits')]
    return ', '.join([f'{entry["percent"]:g}%', *given, *counts])


COMMANDS = (
    Command(
        'status',
        get_status,
        'print everything about the proxy',
        """\
  vaurienctl status
      the status of the only proxy, or a line for each of several, for people
  vaurienctl status --proxy redis --json
      the status of one of several proxies, for programs""",
        show_status,
        'Print the settings of the proxy, what is armed, and what happened so far.',
        of_proxy=True,
    ),
)
