"""A command of ``vaurienctl``: what it does, what it takes, and what its help says."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vaurien.client import Client
from vaurien.console.output import make_printable, print_json, print_line
from vaurien.console.table import print_rows
from vaurien.errors import ControlError

#: The HTTP status if a path could mean several proxies.
AMBIGUOUS = 409

#: What is known of some things of a proxy; of several proxies, that of each by its name.
Things = Sequence[Mapping[str, Any]]
Answer = Things | Mapping[str, Things]


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


def print_each(
    columns: Sequence[str],
    answer: Answer,
    nothing: str,
    prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> None:
    """Print what `ask_each` has returned, a row for each, with its proxy first if there are several.

    *nothing* is printed if there is no row, and *prepare* makes of one what has all *columns*.
    """
    by_proxy = answer if isinstance(answer, Mapping) else {'': answer}
    shown = ('proxy', *columns) if isinstance(answer, Mapping) else columns
    rows = [{**prepare(one), 'proxy': name} for name, own in by_proxy.items() for one in own]
    print_rows(shown, [[row[column] for column in shown] for row in rows], nothing)
