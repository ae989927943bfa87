"""The command line of every command: one parser, whose mistakes are errors of ours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from vaurien import __version__
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert, did_you_mean

#: Where the values have the parser that read the last words: that of the sub-command, if there is one.
REACHED = '_parser'


class Parser(argparse.ArgumentParser):
    """A parser that raises `ConfigError` for every mistake, and names the flag or command that was probably meant.

    Nothing can be abbreviated: a flag that comes later must not change what a script means.
    """

    def __init__(self, *, has_version: bool = False, **options: Any) -> None:
        """Take the *options* of argparse. A parser that *has_version* has ``--version``; those of sub-commands do not.

        Descriptions and epilogs are printed as they are written.
        """
        super().__init__(
            **{'allow_abbrev': False, 'formatter_class': argparse.RawDescriptionHelpFormatter, **options},
        )
        #: The name under which words are kept that no argument takes; without one they are mistakes.
        self.rest = ''
        self.set_defaults(**{REACHED: self})
        if has_version:
            self.add_argument('--version', action='version', version=f'{self.prog} {__version__}')

    def parse(self, argv: Sequence[str] | None, *, intermixed: bool = False) -> argparse.Namespace:
        """Read *argv* (by default the words after the command's name); raise `ConfigError`, `SystemExit` after --help.

        With *intermixed*, flags may stand between the words of one argument.
        """
        given, rest = (self.parse_known_intermixed_args if intermixed else self.parse_known_args)(argv)
        reached: Parser = vars(given).pop(REACHED)
        if reached.rest:
            setattr(given, reached.rest, rest)
        elif rest:
            reached.refuse(rest[0])
        return given

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Do as argparse does, but name an unknown flag before a command, and not the word that follows it."""
        words = list(sys.argv[1:] if args is None else args)
        if self._subparsers is not None:
            self._check_flags(words)
        return super().parse_known_args(words, namespace)

    def _check_flags(self, words: Sequence[str]) -> None:
        """Raise `ConfigError` if a flag before the command is not known."""
        left = iter(words)
        for word in left:
            if not word.startswith('-'):
                return  # the command
            flag, has_value, _ = word.partition('=')
            action = self._option_string_actions.get(flag)
            if action is None:
                self.refuse(word)
            if action.nargs is None and not has_value:
                next(left, None)

    def refuse(self, word: str) -> NoReturn:
        """Raise `ConfigError` for a word that no argument takes."""
        flag = word.partition('=')[0]
        if not flag.startswith('-'):
            self.error(f'unexpected argument {word!r}')
        shown = [known for known, action in self._option_string_actions.items() if action.help != argparse.SUPPRESS]
        near = get_close_matches(flag, shown, n=1)
        if near:
            raise ConfigError(f'unknown flag {flag}, did you mean {near[0]}?')
        self.error(f'unknown flag {flag}')

    def error(self, message: str) -> NoReturn:
        """Raise `ConfigError`. argparse calls this, and would end the process."""
        raise ConfigError(f'{message.removeprefix("argument ")}, see {self.prog} --help')

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise `ConfigError` for a command that is not known. argparse would list all of them."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            raise ConfigError(f'unknown command {value!r}, {did_you_mean(value, list(action.choices))}')
        super()._check_value(action, value)


def value_of(type_: Any) -> Callable[[str], Any]:
    """Return what argparse takes as a ``type``: a function that converts a text to *type_*, bounds included."""

    def read(text: str) -> Any:
        try:
            return convert(text, type_, text=True)
        except OptionError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
