"""The command ``status``: everything about one proxy."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from vaurien.cli.ctl.command import Command, spell_json
from vaurien.client import Client
from vaurien.console.output import say


def get_status(client: Client, arguments: Namespace) -> dict[str, Any]:
    """Everything."""
    return client.status()


def show_status(status: Mapping[str, Any]) -> None:
    """One aligned line for each thing that there is to know."""
    lines = dict(_flatten('', status))
    width = max(map(len, lines))
    say('\n'.join(f'{name:{width}}  {text}' for name, text in lines.items()))


def _flatten(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, list):
        return [(f'{prefix}.{entry["name"]}', _format_entry(entry)) for entry in value]
    if isinstance(value, dict):
        inner = [line for key, item in value.items() for line in _flatten(f'{prefix}.{key}'.lstrip('.'), item)]
        return inner or [(prefix, 'none')]
    if value is None:
        return [(prefix, 'none')]
    return [(prefix, value if isinstance(value, str) else spell_json(value))]


def _format_entry(entry: Mapping[str, Any]) -> str:
    """What is armed, or a toxic."""
    if 'attributes' in entry:
        attributes = [f'{name} {spell_json(value)}' for name, value in entry['attributes'].items()]
        return ', '.join([f'{entry["type"]} {entry["stream"]}', *attributes, f'toxicity {entry["toxicity"]:g}'])
    given = [f'{name} {spell_json(value)}' for name, value in entry['options'].items() if value is not None]
    return ', '.join([f'{entry["percent"]:g}%', *given, f'matched {entry["matched"]}', f'hits {entry["hits"]}'])


COMMANDS = (
    Command(
        'status',
        get_status,
        'tell everything about the proxy',
        """\
  vaurienctl status
      of the only proxy, for people
  vaurienctl status --proxy redis --json
      of one among several, for programs""",
        show_status,
        'Tell settings, what is armed, and what happened.',
        of_proxy=True,
    ),
)
