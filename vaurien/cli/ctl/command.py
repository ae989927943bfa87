"""What a command of ``vaurienctl`` is: what it does, what it takes, and what its help says."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from vaurien.client import Client
from vaurien.console.output import say


class Argument(NamedTuple):
    """One of the arguments: its name, or its flags, and what `argparse` has to know of it."""

    names: tuple[str, ...]
    how: dict[str, Any]


def argument(*names: str, **how: Any) -> Argument:
    """As one calls `argparse.ArgumentParser.add_argument`."""
    return Argument(names, how)


class Command(NamedTuple):
    """One command, its name in one word or two: ``status``, ``proxy list``."""

    name: str
    #: Asks or tells, and gives what there is to print, or None.
    run: Callable[[Client, Namespace], Any]
    #: A line, for the list of commands.
    summary: str
    #: Lines that work, each with one on what it does.
    examples: str
    #: Prints what *run* gave, for people, or for programs that read lines.
    show: Callable[[Any], object] = say
    #: More than the summary.
    description: str = ''
    arguments: tuple[Argument, ...] = ()
    #: What *run* finds in ``options`` are the flags that nobody declared: the placeholder of one in the usage.
    option: str = ''
    #: Whether it is about one proxy, the only one or that of ``--proxy``.
    of_proxy: bool = False

    def tell(self, value: Any, *, as_json: bool) -> None:
        """Print what *run* gave."""
        if value is None:
            return
        if as_json:
            say_json(value)
        else:
            self.show(value)


def say_json(value: Any) -> None:
    """Print *value* for programs that read JSON, and for people who look on."""
    say(msgspec.json.format(spell_json(value), indent=2))


def spell_json(value: Any) -> str:
    """*value* as one line of JSON."""
    return msgspec.json.encode(value).decode()
