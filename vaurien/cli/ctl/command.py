"""A command of ``vaurienctl``: what it does, what it takes, and what its help says."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any, NamedTuple

from vaurien.client import Client
from vaurien.console.output import make_printable, print_json, print_line
from vaurien.errors import ControlError

#: The HTTP status if a path could mean several proxies.
AMBIGUOUS = 409


class Argument(NamedTuple):
    """An argument of a command: its name or its flags, and the options of `argparse` for it."""

    names: tuple[str, ...]
    how: dict[str, Any]


def argument(*names: str, **how: Any) -> Argument:
    """Return an argument. The parameters are those of `argparse.ArgumentParser.add_argument`."""
    return Argument(names, how)


class Command(NamedTuple):
    """A command. Its name has one word or two: ``status``, ``proxy list``."""

    name: str
    #: Asks the control API, and returns what to print, or None.
    run: Callable[[Client, Namespace], Any]
    #: A line for the list of commands.
    summary: str
    #: Command lines that work, each with a line that says what it does.
    examples: str
    #: Prints what *run* returned, for people, or for programs that read lines.
    show: Callable[[Any], object] = lambda value: print_line(make_printable(value))
    #: The text at the top of its own help.
    description: str = ''
    arguments: tuple[Argument, ...] = ()
    #: The placeholder, in the usage, of flags that are not declared. *run* finds them in ``options``.
    option: str = ''
    #: Whether it is about one proxy: the only one, or that of ``--proxy``.
    of_proxy: bool = False

    def print_answer(self, value: Any, *, as_json: bool) -> None:
        """Print what *run* returned, unless it is None."""
        if value is None:
            return
        if as_json:
            print_json(value)
        else:
            self.show(value)


def ask_each(client: Client, ask: Callable[[Client], Any]) -> Any:
    """Return the answer about the proxy that *client* is for, or, if there are several, an answer for each by name."""
    try:
        return ask(client)
    except ControlError as error:
        if error.status != AMBIGUOUS:
            raise
    return {name: ask(client.proxy(name)) for name in client.proxies()}
