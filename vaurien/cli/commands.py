"""The commands of ``vaurien`` beside serving: the module of each, and a line for the help."""

from __future__ import annotations

from textwrap import fill
from typing import NamedTuple


class Command(NamedTuple):
    """A command. Its module has ``main``, which takes the words behind its name, and ``make_parser``."""

    module: str
    summary: str


COMMANDS = {
    'explore': Command(
        'vaurien.cli.explore',
        'run a command, such as that of your tests, once for each request and each fault that matter, and show which '
        'faults it does not survive',
    ),
    'report': Command('vaurien.cli.report', 'make one page of that, to be read before a release'),
    'check': Command('vaurien.cli.check', 'say whether a configuration file is right, and in plain words what it does'),
    'completion': Command('vaurien.cli.completion', 'print what completes a command in bash, zsh or fish'),
    'schema': Command('vaurien.cli.schema', 'print the JSON Schema of configuration files, for editors'),
}


def describe_commands() -> str:
    """Return a line for each command, or more, for the help."""
    width = max(map(len, COMMANDS)) + 4
    return '\n'.join(
        fill(f'  {name:{width - 4}}  {command.summary}', 120, subsequent_indent=' ' * width, break_on_hyphens=False)
        for name, command in COMMANDS.items()
    )
