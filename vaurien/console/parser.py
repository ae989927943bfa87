"""The command line of every command: one parser, whose mistakes are errors of ours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, get_args

from vaurien import __version__
from vaurien.console.asking import VERSION, read_help
from vaurien.console.log import FORMAT_HELP, TEXT, LogFormat
from vaurien.console.output import print_styled
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert, did_you_mean, find_nearest

#: Where the values have the parser that read the last words: that of the sub-command, if there is one.
REACHED = '_parser'

_VERBOSE = '--verbose'


class Parser(argparse.ArgumentParser):
    """A parser that raises `ConfigError` for every mistake, and names the flag or command that was probably meant.

    Nothing can be abbreviated: a flag that comes later must not change what a script means.
    """

    def __init__(self, *, has_version: bool = False, details: Callable[[], str] | None = None, **options: Any) -> None:
        """Take the *options* of argparse. A parser that *has_version* has ``-V``; those of sub-commands do not.

        *details* returns a line that ``--version --verbose`` prints, too. Descriptions and epilogs are printed as they
        are written.
        """
        super().__init__(
            **{'allow_abbrev': False, 'formatter_class': argparse.RawDescriptionHelpFormatter, **options},
        )
        #: The name under which words are kept that no argument takes; without one they are mistakes.
        self.rest = ''
        #: Commands that are not among those of the parser, and are read before it is asked.
        self.commands: Sequence[str] = ()
        self.set_defaults(**{REACHED: self})
        if has_version:
            self.add_argument(*VERSION, action='version', version=f'{self.prog} {__version__}')
        if details is not None:
            self.add_argument(_VERBOSE, action='store_true', help='with --version: say also how it runs')
        self._details = details

    def parse(self, argv: Sequence[str] | None, *, intermixed: bool = False) -> argparse.Namespace:
        """Read *argv* (by default the words after the command's name); raise `ConfigError`, `SystemExit` after --help.

        With *intermixed*, flags may stand between the words of one argument.
        """
        words = read_help(sys.argv[1:] if argv is None else argv)
        if self._details is not None and _VERBOSE in words:
            self._show_version(words, self._details)
        given, rest = (self.parse_known_intermixed_args if intermixed else self.parse_known_args)(words)
        reached: Parser = vars(given).pop(REACHED)
        if reached.rest:
            setattr(given, reached.rest, rest)
        elif rest:
            reached.refuse(rest[0])
        return given

    def _show_version(self, words: Sequence[str], details: Callable[[], str]) -> NoReturn:
        if not {*VERSION} & {*words}:
            self.error(f'{_VERBOSE}: only with --version')
        self._print_message(f'{self.prog} {__version__}\n{details()}\n')
        self.exit()

    def _print_message(self, message: str, file: object = None) -> None:
        """Print help or version to the standard output. argparse would say nothing if that cannot be written."""
        print_styled(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Do as argparse does, but name an unknown flag before a command, and not the word that follows it."""
        words = list(sys.argv[1:] if args is None else args)
        if self._subparsers is not None:
            words = read_help(words)
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
            if near := find_nearest(word, self.commands):
                raise ConfigError(f'unknown command {word!r}, did you mean {near!r}?')
            self.error(f'unexpected argument {word!r}')
        shown = [known for known, action in self._option_string_actions.items() if action.help != argparse.SUPPRESS]
        if near := find_nearest(flag, shown):
            raise ConfigError(f'unknown flag {flag}, did you mean {near}?')
        self.error(f'unknown flag {flag}')

    def error(self, message: str) -> NoReturn:
        """Raise `ConfigError`. argparse calls this, and would end the process."""
        raise ConfigError(f'{message.removeprefix("argument ")}, see {self.prog} --help')

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise `ConfigError` for a command that is not known. argparse would list all of them."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            raise ConfigError(f'unknown command {value!r}, {did_you_mean(value, list(action.choices))}')
        super()._check_value(action, value)


def add_log_format(parser: argparse._ActionsContainer) -> None:
    """Add ``--log-format``, as each command has it that logs."""
    parser.add_argument(
        '--log-format',
        metavar='|'.join(get_args(LogFormat)),
        type=value_of(LogFormat),
        default=TEXT,
        help=f'{FORMAT_HELP} (default {TEXT})',
    )


def value_of(type_: Any) -> Callable[[str], Any]:
    """Return what argparse takes as a ``type``: a function that converts a text to *type_*, bounds included."""

    def read(text: str) -> Any:
        try:
            return convert(text, type_, text=True)
        except OptionError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
