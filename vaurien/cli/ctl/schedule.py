"""The commands about the schedule of the process."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from vaurien.cli.ctl.command import Command, argument
from vaurien.client import Client
from vaurien.console.output import make_printable, print_line

RUN = """\
Run the schedule in a file, from now on. The file stays here: what is in it is sent to the process.
One that still runs is stopped first, and puts back what it has changed."""


def run_schedule(client: Client, arguments: Namespace) -> None:
    """Run the schedule in a file."""
    client.set_schedule(arguments.file)


def stop_schedule(client: Client, arguments: Namespace) -> None:
    """Stop the schedule."""
    client.stop_schedule()


def get_schedule(client: Client, arguments: Namespace) -> Mapping[str, Any]:
    """Return how far the schedule has come."""
    return client.get_schedule()


def set_mark(client: Client, arguments: Namespace) -> None:
    """Set a mark."""
    client.mark(arguments.name)


def show_schedule(status: Mapping[str, Any]) -> None:
    """Print a line for each field."""
    coming, marks = status['next'], status['marks']
    fields = {
        **status,
        'active': ', '.join(f'steps[{step}]' for step in status['active']) or 'none',
        'next': f'{coming["seconds"]:.3f}  steps[{coming["step"]}]  {coming["change"]}' if coming else 'none',
        'marks': ', '.join(f'{name} {seconds:.3f}' for name, seconds in marks.items()) or 'none',
    }
    width = max(map(len, fields))
    print_line('\n'.join(make_printable(f'{name:{width}}  {value}') for name, value in fields.items()))


COMMANDS = (
    Command(
        'schedule run',
        run_schedule,
        'run the schedule in a file',
        """\
  vaurienctl schedule run friday.toml
      faults come and go as the file says, from now on""",
        description=RUN,
        arguments=(argument('file', metavar='FILE', help='a schedule in .toml or .yaml'),),
    ),
    Command(
        'schedule stop',
        stop_schedule,
        'stop the schedule',
        """\
  vaurienctl schedule stop
      what it has changed is put back""",
        description='Stop the schedule that runs, and have it put back what it has changed.',
    ),
    Command(
        'schedule show',
        get_schedule,
        'print how far the schedule has come',
        """\
  vaurienctl schedule show
      which steps are there, and what comes next and when, in seconds from the start
  vaurienctl schedule show --json
      the same for programs""",
        show_schedule,
        'Print how far the schedule has come that runs, or that has run last.',
    ),
    Command(
        'schedule mark',
        set_mark,
        'set a mark',
        """\
  vaurienctl schedule mark deploy
      the steps with after = "deploy" begin""",
        description='Set a mark: the steps after it begin, counted from now on.',
        arguments=(argument('name', metavar='NAME', help='the name of the mark, as the schedule has it'),),
    ),
)
