"""The command ``vaurienctl``: ask and tell a running Vaurien."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from vaurien.cli.ctl.command import Command
from vaurien.cli.ctl.parser import parse, parse_host
from vaurien.client import Client
from vaurien.console.output import fail, flush
from vaurien.errors import ConfigError, ControlError, UnreachableError

#: Refusals with a remedy here, by their HTTP status.
UNAUTHORIZED, AMBIGUOUS = 401, 409


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status.

    0: done; 1: there is no proxy to reach; 2: refused, or a mistake; 130: Ctrl-C.
    """
    try:
        run(parse(argv))
    except UnreachableError as error:
        return fail('vaurienctl', error, 1)
    except (ConfigError, ControlError) as error:
        return fail('vaurienctl', error, 2)
    except KeyboardInterrupt:
        return 130
    finally:
        flush()
    return 0


def run(arguments: Namespace) -> None:
    """Do it, and print what there is to tell; raises `ConfigError`, `ControlError`."""
    command: Command = arguments.command
    client = Client(*parse_host(arguments.host), token=arguments.token)
    try:
        answer = command.run(client if arguments.proxy is None else client.proxy(arguments.proxy), arguments)
    except ControlError as error:
        if error.status == UNAUTHORIZED:
            raise ControlError(f'{error}, which --token or VAURIEN_TOKEN gives') from None
        if error.status == AMBIGUOUS and command.of_proxy:
            raise ControlError(f'{error}, or with --proxy NAME') from None
        raise
    command.tell(answer, as_json=arguments.json)
