"""The command ``vaurienctl``, which controls a running Vaurien over its control API.

parser     the command line
command    what a command is
options    options of behaviors and toxics, which no parser knows
behaviors  the commands about behaviors
status     the command about the status
top        what goes through the proxies now
faults     the commands about faults
journal    the command about the journal
links      the commands about links
held       the commands about requests that are held
proxies    the commands about proxies and their backends
tls        the settings of TLS of a proxy that is created
toxics     the commands about toxics
schedule   the commands about the schedule
authority  the command about the certificate that clients have to trust
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from vaurien.cli.ctl.command import AMBIGUOUS, Command
from vaurien.cli.ctl.parser import parse
from vaurien.client import Client
from vaurien.console.command import run_command
from vaurien.errors import ConfigError, ControlError, UnreachableError
from vaurien.web.call import parse_api

#: The exit status of each error.
STATUSES = {UnreachableError: 1, ControlError: 2, ConfigError: 2}
#: The HTTP status if the token is missing or wrong.
UNAUTHORIZED = 401


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status.

    0: done; 1: no control API answers; 2: a mistake, or an error of the API; 130: Ctrl-C.
    """
    return run_command('vaurienctl', lambda: run(parse(argv)), STATUSES)


def run(arguments: Namespace) -> int:
    """Run the command, print its answer and return 0; raise `ConfigError`, `ControlError`."""
    command: Command = arguments.command
    client = Client(*parse_api(arguments.host), token=arguments.token)
    try:
        answer = command.run(client if arguments.proxy is None else client.proxy(arguments.proxy), arguments)
    except ControlError as error:
        if error.status == UNAUTHORIZED:
            raise ControlError(f'{error}: give it with --token or VAURIEN_TOKEN') from None
        if error.status == AMBIGUOUS and command.of_proxy:
            raise ControlError(f'{error}, or with --proxy NAME') from None
        raise
    command.print_answer(answer, as_json=arguments.json)
    return 0
